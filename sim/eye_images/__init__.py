"""Infrared-like pictures of the wearer's eyes with exact labels, cast ray by ray through a refracting cornea.

Start at :func:`gaze_vlm_ros.sim.eye_images.render.render_eye`. Lengths are in millimetres (``_mm``), for that is the
scale of an eye; the gaze target is in metres like everywhere else. Frames:

* *head*: optical axes of the wearer's own view (x right, y down, z forward), origin between the eyeball centres;
* *rig*: fixed to the glasses; equals the head frame until the glasses slip;
* *camera*: optical frame of one eye camera (x right, y down in its picture, z along its view);
* *socket*: the head's axes with the origin in one eyeball's centre and x turned towards the nose, so that a left and
  a right eye are the same thing. The picture is computed there; nobody outside this package sees it.
"""
