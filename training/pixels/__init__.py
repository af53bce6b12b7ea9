"""Training a transformers vision-language model with the gaze block from pixels, on one process or many."""
