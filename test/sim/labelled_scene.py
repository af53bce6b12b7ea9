"""A small scene whose geometry is known: a table, two boxes of one class, a ball, a jointed box, the sky."""

import mujoco
import numpy as np

from gaze_vlm_ros.geometry.camera import project, unproject
from gaze_vlm_ros.geometry.transforms import invert_transform, make_transform, rotation_from_vector, transform_points
from gaze_vlm_ros.sim.labels.shot import SceneIndex, take_shot
from gaze_vlm_ros.sim.render import Offscreen
from gaze_vlm_ros.types import CameraModel

SIDE, FOVY_DEG = 160, 60.0
CLASSES = ("background", "box", "ball", "case")
SCENE = """
<mujoco>
  <visual>
    <global offwidth="640" offheight="640"/> <map znear="0.02" zfar="8"/> <quality offsamples="0"/>
    <headlight ambient=".5 .5 .5" diffuse="0 0 0" specular="0 0 0"/>
  </visual>
  <statistic extent="1"/>
  <asset>
    <texture name="stripes" type="2d" builtin="gradient" rgb1=".9 .2 .1" rgb2=".1 .3 .9" width="64" height="64"/>
    <material name="stripes" texture="stripes" texrepeat="4 4" specular="0"/>
  </asset>
  <worldbody>
    <light directional="true" pos="0 0 3" dir=".3 .4 -1" diffuse=".5 .5 .5" specular="0 0 0" castshadow="false"/>
    <geom name="table" type="box" size=".8 .8 .02" pos="0 0 -.02" material="stripes"/>
    <geom name="tile" type="box" size=".05 .05 .01" pos="-.25 .15 .01" rgba=".2 .8 .3 1"/>
    <body name="a" pos="-.1 0 .05"> <freejoint/>
      <geom type="box" size=".05 .04 .05" rgba=".9 .8 .2 1"/>
      <geom type="box" size=".02 .02 .01" pos="0 0 .06"/> </body>
    <body name="b" pos=".15 .1 .04"> <freejoint/> <geom type="box" size=".04 .04 .04" material="stripes"/> </body>
    <body name="ball" pos=".1 -.12 .05"> <freejoint/> <geom type="sphere" size=".05" rgba=".3 .3 .9 1"/> </body>
    <body name="case" pos="-.2 -.15 .02"> <geom type="box" size=".05 .05 .02" rgba=".8 .3 .8 1"/>
      <body name="lid" pos="0 .05 .025"> <joint name="lid" axis="1 0 0"/>
        <geom type="box" size=".05 .05 .004" pos="0 -.05 0"/> </body> </body>
    <body name="head" mocap="true"> <camera name="eye" fovy="60" quat="0 1 0 0"/> </body>
  </worldbody>
</mujoco>
"""


def looking(camera_m, at_m=(0.0, 0.0, 0.0)):
    """Pose (4, 4) of an upright optical frame at ``camera_m`` that looks at ``at_m``."""
    z = np.subtract(at_m, camera_m)
    z = z / np.linalg.norm(z)
    x = np.cross(z, [0, 0, 1.0]) if abs(z[2]) < 0.999 else np.array([1.0, 0, 0])
    x /= np.linalg.norm(x)
    return make_transform(np.column_stack([x, np.cross(z, x), z]), camera_m)


class World:
    """The scene, its camera and its index; ``shot`` draws it from a pose with bodies moved to given places."""

    def __init__(self, camera=None):
        focal = SIDE / 2 / np.tan(np.deg2rad(FOVY_DEG) / 2)
        middle = (SIDE - 1) / 2
        self.camera = camera or CameraModel(SIDE, SIDE, np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]]))
        spec = mujoco.MjSpec.from_string(SCENE)
        spec.camera("eye").fovy = 2 * np.rad2deg(np.arctan(self.camera.height / 2 / self.camera.matrix[1, 1]))
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        of_body = {"a": 1, "b": 1, "ball": 2, "case": 3, "lid": 3}
        classes = [of_body.get(self.model.body(body).name, 0) for body in self.model.geom_bodyid]
        classes[self.model.geom("tile").id] = 1
        self.index = SceneIndex.of(self.model, np.array([*classes, 0], np.uint8), CLASSES)
        self.offscreen = Offscreen(self.model, self.camera.width, self.camera.height, "eye")

    def shot(self, pose=None, lid_rad=0.0, **places):
        """``places``: body name -> shift (3,) [m], or shift and rotation vector (6,)."""
        pose = looking([0.0, -0.5, 0.6]) if pose is None else pose
        mujoco.mj_resetData(self.model, self.data)
        self.data.mocap_pos[0] = pose[:3, 3]
        mujoco.mju_mat2Quat(self.data.mocap_quat[0], np.ascontiguousarray(pose[:3, :3]).ravel())
        self.data.joint("lid").qpos = lid_rad
        for name, place in places.items():
            start = self.model.jnt_qposadr[self.model.body(name).jntadr[0]]
            self.data.qpos[start : start + 3] += place[:3]
            if len(place) == 6:
                turn = np.ascontiguousarray(rotation_from_vector(np.array(place[3:], float)))
                mujoco.mju_mat2Quat(self.data.qpos[start + 3 : start + 7], turn.ravel())
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)
        return take_shot(self.model, self.data, self.offscreen, "eye", self.camera)


def pixels(shot, where=None):
    """Columns and rows (N, 2) of the pixels ``where`` (H, W) is true, of all without it."""
    where = np.ones(shot.geom.shape, bool) if where is None else where
    return np.column_stack(np.nonzero(where))[:, ::-1].astype(float)


def points_on_plane(shot, at, height_m):
    """World points (N, 3) where the pixels ``at`` (N, 2) meet the plane z = ``height_m``."""
    rays = unproject(shot.camera, at) @ shot.world_T_camera[:3, :3].T
    origin = shot.world_T_camera[:3, 3]
    return origin + rays * ((height_m - origin[2]) / rays[:, 2])[:, None]


def seen_at(shot, points):
    return project(shot.camera, transform_points(invert_transform(shot.world_T_camera), points))


def classes_of(world, shot):
    return world.index.geom_class[shot.geom]


def instances_of(world, shot, name):
    return world.index.geom_instance[shot.geom] == world.index.instance_names.index(name)
