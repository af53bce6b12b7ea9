"""The gaze block inside other people's vision-language models, whose code stays as transformers has it."""
