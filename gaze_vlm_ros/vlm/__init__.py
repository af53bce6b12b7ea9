"""The gaze-regularised vision-language model: block, loss, model, streaming predictor."""
