"""EyeGym: the eye looks around in stored demonstrations, many at once, without physics or rendering."""
