"""From one kind of glasses to another without labels there, in the style of AdaptiveGaze (arXiv 2305.16140).

The abstract gives three steps: extend the range of head poses by rendering again; split appearance, head pose and gaze
by an auto-encoder (DisAE); adapt to an unlabelled target by self-training, consistent where the background is switched.
Losses, sizes, weights and schedules are not public. So this is a rendition, and everything else in it is a guess:

* faces are eyes here, head poses are poses of the eye camera about the eye, and the new views are not reconstructed
  but rendered exactly (``domains``);
* gaze and pose are sets of 3-D vectors, so that a change of camera turns them by the known rotation (``network``);
* a view is rebuilt from the other's features, turned; L1 everywhere; the weights in ``train``;
* adapting gives labelled pictures of the source the style of the target's (``style``); self-training is there as an
  option: it follows a mean teacher, whose answers on plain pictures are the target for switched ones;
* skin takes the part of the background; lights are switched with it, glints are cut out by the exact masks.

Start at ``python -m gaze_vlm_ros.training.eyes.adaptation``.
"""
