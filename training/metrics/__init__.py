"""The figures of an evaluation, one module each: small functions of arrays, and the table that an evaluation holds."""
