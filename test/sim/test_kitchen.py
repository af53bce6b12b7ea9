import mujoco
import numpy as np
import pytest

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.language import OBJECT_KINDS, PLACES, ROBOT, TABLE
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.sim import kitchen
from gaze_vlm_ros.sim.kitchen import stability
from gaze_vlm_ros.sim.kitchen.arm import thin_mesh
from gaze_vlm_ros.sim.things import ThingLook

ROBOT_ARM = RobotDescription.load("jaco")


def layout_of(seed, things=None, **options):
    return kitchen.sample_layout(np.random.default_rng(seed), things, **options)


def names(layout):
    return [look.kind for look in layout.looks]


@pytest.fixture(scope="module")
def full():
    """A crowded kitchen, its model and its state, at rest."""
    layout = layout_of(11, 14)
    return layout, *stability.start(layout, ROBOT_ARM)


@pytest.fixture
def world(full):
    """The same, fresh for each test that moves something."""
    layout, _, _ = full
    return layout, *stability.start(layout, ROBOT_ARM)


def plain(value):
    """Nested values without arrays, so that they can be compared."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return plain(vars(value)) if hasattr(value, "__dataclass_fields__") else value


def test_equal_generators_give_equal_layouts_and_others_do_not():
    assert plain(layout_of(4)) == plain(layout_of(4))
    assert plain(layout_of(4)) != plain(layout_of(5))


def test_six_to_fourteen_different_things_or_as_many_as_asked_for():
    counts = {len(names(layout_of(seed))) for seed in range(30)}
    assert min(counts) >= 6
    assert max(counts) <= 14
    assert len(counts) > 4
    layout = layout_of(1, 9, kinds=("kettle", "mug"))
    assert len(set(names(layout))) == 9
    assert names(layout)[:2] == ["kettle", "mug"]


def test_layouts_vary_in_posture_mount_and_light():
    layouts = [layout_of(seed, 6) for seed in range(40)]
    assert {layout.posture for layout in layouts} == set(kitchen.POSTURES)
    assert {layout.mount.name for layout in layouts} == set(kitchen.MOUNTS)
    for layout in layouts:
        low, high = (1.18, 1.28) if layout.posture == "seated" else (1.5, 1.62)
        assert low <= layout.head_m[2] <= high
        rotation = layout.camera_mount[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        down = np.rad2deg(np.arcsin(rotation[1, 2]))
        assert -0.1 <= down <= 10.1, "the camera is tilted down: its view has a part along the head's y"
    assert np.ptp([sum(layout.light_rgb) for layout in layouts]) > 0.3


def test_new_looks_are_never_shown_among_the_known():
    shown = {looks: {look.variant for look in layout_of(2, 14, looks=looks).looks} for looks in ("known", "new")}
    assert not shown["known"] & shown["new"]


@pytest.mark.parametrize("seed", range(6))
def test_nothing_touches_at_the_start_and_nothing_moves(seed):
    layout = layout_of(seed, 14 if seed % 2 else None)
    model, data = stability.start(layout, ROBOT_ARM)
    for contact in data.contact[: data.ncon]:
        touching = {model.geom(geom).name for geom in contact.geom}
        assert "table/solid" in touching, f"{touching} touch"
        assert contact.dist > -0.001
    before = {thing: data.body(thing).xpos.copy() for thing in names(layout)}
    mujoco.mj_step(model, data, 125)
    for thing, position in before.items():
        np.testing.assert_allclose(data.body(thing).xpos, position, atol=0.002)


@pytest.mark.parametrize("mount", kitchen.MOUNTS)
def test_the_arm_is_on_its_mount_and_reaches_middle_and_pad(mount):
    layout = layout_of(3, 6, mount=mount)
    _, data = stability.start(layout, ROBOT_ARM)
    base = data.body(kitchen.ROBOT_PREFIX + ROBOT_ARM.base_frame)
    np.testing.assert_allclose(base.xpos, layout.mount.position_m, atol=1e-9)
    for point in (np.array([0, 0.02, kitchen.TABLE_TOP_M + 0.12]), layout.places[ROBOT].top_m + [0, 0, 0.1]):
        in_base = base.xmat.reshape(3, 3).T @ (point - base.xpos)
        assert (in_base >= ROBOT_ARM.workspace.lower_m).all(), f"{in_base} is outside the workspace"
        assert (in_base <= ROBOT_ARM.workspace.upper_m).all(), f"{in_base} is outside the workspace"


def test_the_thinned_arm_weighs_what_the_arm_weighs(full):
    _, model, _ = full
    arm = ROBOT_ARM.build_spec().compile()
    own = [body for body in range(model.nbody) if model.body(body).name.startswith(kitchen.ROBOT_PREFIX)]
    assert model.body_mass[own].sum() == pytest.approx(arm.body_mass.sum())
    np.testing.assert_allclose(
        np.sort(model.body_inertia[own], axis=None), np.sort(arm.body_inertia[1:], axis=None), rtol=1e-6
    )


def test_a_thinned_mesh_has_few_faces_and_the_same_extent():
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    ring = np.column_stack([np.cos(angles), np.sin(angles)])
    vertices = np.vstack([np.column_stack([ring, np.full(60, z)]) for z in np.linspace(0, 3, 30)])
    corner = np.array([(i * 60 + j, i * 60 + (j + 1) % 60) for i in range(29) for j in range(60)])
    faces = np.vstack(
        [np.column_stack([corner, corner[:, 0] + 60]), np.column_stack([corner[:, ::-1], corner[:, 1] + 60])]
    )
    thin, few = thin_mesh(vertices, faces, 300)
    assert 100 < len(few) <= 300
    np.testing.assert_allclose([thin.min(0), thin.max(0)], [vertices.min(0), vertices.max(0)], atol=0.25)
    np.testing.assert_allclose(np.hypot(thin[:, 0], thin[:, 1]), 1.0, atol=0.2)


def test_labels_say_what_each_geom_is(full):
    layout, model, _ = full
    labels = kitchen.label_of_geoms(model)
    seen = {kitchen.LABELS[labels[i]] for i in range(model.ngeom) if model.geom_group[i] in (0, 1, 2)}
    assert seen == {*names(layout), *PLACES, ROBOT, "hand", "arm", "table", "wall", "floor", "furniture"}
    assert kitchen.LABELS[labels[-1]] == "background" == kitchen.LABELS[0]
    for thing in names(layout):
        assert kitchen.LABELS[labels[model.geom(f"{thing}/hull").id]] == thing


def test_instances_tell_things_and_hands_apart(full):
    layout, model, _ = full
    instances = kitchen.instance_of_geoms(model)
    assert instances[-1] == 0
    numbers = [instances[model.geom(f"{thing}/hull").id] for thing in names(layout)]
    numbers += [instances[model.geom(name).id] for name in ("hand/0", "left_hand/0", "table", *PLACES)]
    assert 0 not in numbers
    assert len(set(numbers)) == len(numbers)
    assert instances[model.geom("hand/0").id] == instances[model.geom("forearm").id]


def test_a_held_thing_follows_the_hand_and_rests_where_it_is_let_go(world):
    layout, model, data = world
    thing = next(name for name in names(layout) if name in ("apple", "mug", "can", "orange", "sponge", "bowl", "plate"))
    goal = stability.carry(model, data, layout, thing, "mat")
    np.testing.assert_allclose(data.body(thing).xpos, goal, atol=0.01)
    assert kitchen.held(model, data) == ""


def test_the_grip_keeps_the_pose_that_it_is_given(world):
    layout, model, data = world
    thing = names(layout)[0]
    relative = np.eye(4)
    relative[:3, :3] = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    relative[:3, 3] = 0.02, 0.05, -0.1
    data.mocap_pos[model.body("hand").mocapid[0]] = 0.1, -0.1, 1.1
    kitchen.grasp(model, data, thing, relative)
    assert kitchen.held(model, data) == thing
    mujoco.mj_step(model, data, 150)
    np.testing.assert_allclose(data.body(thing).xpos, [0.12, -0.05, 1.0], atol=0.004)
    np.testing.assert_allclose(data.body(thing).xmat.reshape(3, 3), relative[:3, :3], atol=0.03)


def test_what_stood_on_a_thing_falls_when_the_thing_is_taken(world):
    """Both sleep by then; the upper one must wake."""
    layout, model, data = world
    low, high = sorted(names(layout), key=lambda thing: -layout.look_of(thing).half_extents[:2].min())[:2]
    top = data.body(low).xpos[2] + layout.look_of(low).half_extents[2] + layout.look_of(high).half_extents[2]
    data.joint(f"{high}/free").qpos[:3] = *data.body(low).xpos[:2], top + 0.001
    mujoco.mj_step(model, data, 500)
    before = data.body(high).xpos[2]
    kitchen.grasp(model, data, low)
    data.mocap_pos[model.body("hand").mocapid[0]] += [0, -0.3, 0.3]
    mujoco.mj_step(model, data, 200)
    assert data.body(high).xpos[2] < before - 0.9 * 2 * layout.look_of(low).half_extents[2]


@pytest.mark.parametrize("place", [*PLACES, ROBOT, TABLE])
def test_a_free_spot_lies_on_its_place_and_clear_of_what_is_there(full, place):
    layout, _, data = full
    poses = stability.poses_of(data, layout)
    for thing in names(layout):
        spot = kitchen.free_spot(layout, place, thing, poses)
        half = layout.look_of(thing).half_extents
        if place == TABLE:
            assert spot[2] == pytest.approx(kitchen.TABLE_TOP_M + half[2], abs=0.005)
            assert (np.abs(spot[:2] - [0, 0.02]) <= layout.table_half_m).all()
        else:
            surface = layout.places[place]
            assert (np.abs(spot[:2] - surface.top_m[:2]) <= surface.half_m[:2]).all()
            assert spot[2] >= surface.top_m[2] + half[2]
        for other, pose in poses.items():
            if other != thing and abs(pose[2, 3] - spot[2]) < 0.05:
                apart = np.linalg.norm(pose[:2, 3] - spot[:2])
                assert apart > min(half[:2]) + min(layout.look_of(other).half_extents[:2])


def test_on_a_full_place_a_thing_comes_to_stand_on_the_middle_of_a_flat_one():
    layout = kitchen.sample_layout(np.random.default_rng(0), kinds=("plate", "can", "mug", "apple", "pen", "spoon"))
    tray, plate, can = layout.place_named("tray"), layout.look_of("plate"), layout.look_of("can")
    poses = {look.kind: np.eye(4) for look in layout.looks}
    for kind, x, look in (("plate", -0.03, plate), ("can", 0.1, can)):
        poses[kind][:3, 3] = tray.top_m + [x, 0.0, look.half_extents[2]]
    spot = kitchen.free_spot(layout, "tray", "mug", poses)
    assert spot[2] == pytest.approx(
        tray.top_m[2] + 2 * plate.half_extents[2] + layout.look_of("mug").half_extents[2], abs=0.005
    )
    assert (np.abs(spot[:2] - poses["plate"][:2, 3]) < plate.half_extents[:2] - 0.01).all()


def test_a_free_spot_near_a_point_is_near_it_where_there_is_room():
    layout = layout_of(8, 6)
    _, data = stability.start(layout, ROBOT_ARM)
    thing = min(names(layout), key=lambda name: layout.look_of(name).half_extents[0])
    poses = {thing: stability.poses_of(data, layout)[thing]}
    for wish in (np.array([0.2, -0.2]), np.array([-0.2, 0.0])):
        spot = kitchen.free_spot(layout, TABLE, thing, poses, wish)
        assert np.linalg.norm(spot[:2] - wish) < 0.08


def test_where_there_is_no_room_a_thing_comes_to_stand_on_another():
    layout = layout_of(8, kinds=("notebook", "plate", "napkin", "letter"))
    look, surface = layout.look_of("plate"), layout.places[ROBOT]
    poses = {thing: np.eye(4) for thing in names(layout)}
    poses["notebook"][:3, 3] = surface.top_m + [0, 0, layout.look_of("notebook").half_extents[2]]
    spot = kitchen.free_spot(layout, ROBOT, "plate", poses)
    top = surface.top_m[2] + 2 * layout.look_of("notebook").half_extents[2]
    assert spot[2] == pytest.approx(top + look.half_extents[2], abs=0.005)


def test_carrying_at_random_loses_nothing():
    tally = stability.Tally()
    for seed in range(3):
        stability.run_episode(seed, ROBOT_ARM, tally)
    assert (tally.escapes, tally.falls, tally.restless) == (0, 0, 0)
    assert tally.carries == 9
    assert tally.missed <= 2
    assert tally.largest_start_motion_m < 0.002


def test_one_of_three_hands_is_seen(full):
    _, model, _ = full
    for closure, expected in ((0.0, 0), (0.45, 1), (1.0, 2)):
        kitchen.pose_hand(model, "hand", closure)
        assert [i for i in range(3) if model.geom_group[model.geom(f"hand/{i}").id] == 1] == [expected]
    with pytest.raises(GazeVlmError, match="left_hand"):
        kitchen.pose_hand(model, "foot", 1.0)


def test_tall_things_are_gripped_from_the_side_and_low_ones_from_above():
    def grip(kind):
        return kitchen.grip_pose(ThingLook.of_variant(kind, 0, np.random.default_rng(0)))

    assert grip("bottle")[0, 3] > 0.05
    np.testing.assert_allclose(-grip("bottle")[:3, 2], [-1, 0, 0], atol=1e-9)  # the palm faces the thing
    assert grip("plate")[2, 3] > 0.03
    np.testing.assert_allclose(-grip("plate")[:3, 2], [0, 0, -1], atol=1e-9)


def test_what_does_not_exist_is_named(world):
    layout, model, data = world
    rng = np.random.default_rng(0)
    absent = next(kind for kind in OBJECT_KINDS if kind not in names(layout))
    for call, said in (
        (lambda: kitchen.sample_layout(rng, kinds=("sock",)), "no kind of thing 'sock'.*mug"),
        (lambda: kitchen.sample_layout(rng, kinds=("mug", "mug")), "must differ"),
        (lambda: kitchen.sample_layout(rng, 15), "1 to 14 things, got 15"),
        (lambda: kitchen.sample_layout(rng, mount="ceiling"), "no mount 'ceiling'.*wheelchair"),
        (lambda: kitchen.sample_layout(rng, posture="lying"), "no posture 'lying'.*seated"),
        (lambda: kitchen.grasp(model, data, absent), f"no '{absent}' to grasp.*{names(layout)[0]}"),
        (lambda: layout.look_of(absent), f"no '{absent}' in this kitchen"),
        (lambda: kitchen.place_spots(layout, "roof"), "no place 'roof'.*basket"),
    ):
        with pytest.raises(kitchen.KitchenError, match=said):
            call()
