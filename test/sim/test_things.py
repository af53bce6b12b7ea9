import colorsys

import mujoco
import numpy as np
import pytest

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.sim.things import (
    CONTENT_USER,
    KINDS,
    SEEN_GROUP,
    VARIANTS_OF_LOOKS,
    ThingError,
    ThingLook,
    ThingState,
    add_thing,
    apply_state,
    initial_state,
)
from gaze_vlm_ros.sim.things.shape import PALETTES

EVERY_LOOK = [(kind, variant) for kind in KINDS for variant in range(len(KINDS[kind].variants))]


def look(kind, variant=0):
    return ThingLook.of_variant(kind, variant, np.random.default_rng(3))


def meshes_of(shape):
    parts = (shape.body, shape.closed, shape.opened, shape.inside, shape.clear, *(mesh for _, mesh in shape.stages))
    return [mesh for mesh in parts if mesh is not None]


@pytest.fixture(scope="module")
def shop():
    """All kinds, each look of them somewhere, on a floor."""
    spec = mujoco.MjSpec()
    spec.nuser_geom = CONTENT_USER
    spec.option.timestep = 0.004
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[9, 9, 0.1])
    for i, kind in enumerate(KINDS):
        add_thing(spec, look(kind, i % 6), np.array([0.5 * (i % 6), 0.5 * (i // 6), 0.0]), 0.3 * i)
    return spec.compile()


def seen(model, kind):
    names = [model.geom(i).name for i in range(model.ngeom) if model.geom_group[i] == SEEN_GROUP]
    return {name.split("/")[1] for name in names if name.startswith(f"{kind}/")}


def test_the_table_has_every_kind_of_the_language_and_at_least_six_looks_each():
    assert tuple(KINDS) == OBJECT_KINDS
    assert all(len(kind.variants) >= 6 for kind in KINDS.values())
    for kind in KINDS.values():
        shapes = {tuple(np.round(look(kind.name, i).bounds.ravel() / look(kind.name, i).scale, 4)) for i in range(6)}
        assert len(shapes) >= 4, f"{kind.name}: too few geometries"


def test_no_variant_is_both_known_and_new():
    rng = np.random.default_rng(0)
    assert not set(VARIANTS_OF_LOOKS["known"]) & set(VARIANTS_OF_LOOKS["new"])
    for looks, variants in VARIANTS_OF_LOOKS.items():
        drawn = {ThingLook.sample("mug", rng, looks).variant for _ in range(40)}
        assert drawn == set(variants)


def test_half_of_the_known_things_that_are_not_food_come_in_any_colour():
    def unusual(kind, looks):
        rng, found = np.random.default_rng(1), 0
        for _ in range(200):
            shown = ThingLook.sample(kind, rng, looks)
            usual = {name for variant in KINDS[kind].variants for name in variant.palettes}
            found += not any(fits(shown.colours[0], PALETTES[name]) for name in usual)
        return found / 200

    assert 0.15 < unusual("mug", "known") < 0.5 and unusual("mug", "new") == 0.0 == unusual("banana", "known")


def fits(colour, palette):
    hue, saturation, value = colorsys.rgb_to_hsv(*colour)
    spans = zip((saturation, value), palette[1:], strict=True)
    return (hue - palette[0][0]) % 1.0 <= palette[0][1] - palette[0][0] + 1e-6 and all(
        low - 1e-6 <= x <= high + 1e-6 for x, (low, high) in spans
    )


@pytest.mark.parametrize(("kind", "variant"), EVERY_LOOK)
def test_meshes_are_sound_small_and_fit_their_hull(kind, variant):
    this = look(kind, variant)
    for mesh in meshes_of(this.shape):
        assert np.isfinite(mesh.vertices).all()
        np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-6)
        assert 0 <= mesh.faces.min() <= mesh.faces.max() < len(mesh.vertices) == len(mesh.normals) == len(mesh.uv)
        assert ((mesh.uv >= 0) & (mesh.uv <= 1)).all()
    together = [this.shape.body, this.shape.closed, this.shape.clear, *(mesh for _, mesh in this.shape.stages[:1])]
    assert sum(len(mesh.faces) for mesh in together if mesh is not None) <= 420
    points = np.concatenate([mesh.vertices for mesh in together if mesh is not None])
    half = np.array(this.shape.half_extents)
    assert points[:, 2].min() == pytest.approx(0.0, abs=0.006)
    assert points[:, 2].max() == pytest.approx(2 * half[2], abs=0.02)
    assert (np.abs(points[:, :2]).max(0) > 0.85 * half[:2]).all()
    assert 0.004 <= half.min() <= half.max() <= 0.14


@pytest.mark.parametrize("kind", KINDS)
def test_outsides_face_outwards(kind):
    """A face's winding must agree with the normals of its corners, else it is drawn from the wrong side."""
    for mesh in meshes_of(look(kind).shape):
        a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
        facing = np.cross(b - a, c - a)
        area = np.linalg.norm(facing, axis=1)
        agree = (facing * mesh.normals[mesh.faces].mean(1)).sum(1)
        assert (agree[area > 1e-9] > 0).mean() > 0.98


def test_equal_generators_give_equal_looks_and_textures():
    one, other = (ThingLook.sample("carton", np.random.default_rng(5)) for _ in range(2))
    assert one == other
    np.testing.assert_array_equal(one.texture(), other.texture())
    assert one.texture().shape == (64, 64, 3)
    assert not np.array_equal(one.texture(), ThingLook.sample("carton", np.random.default_rng(6)).texture())


def test_everything_stands_still_where_it_is_put(shop):
    data = mujoco.MjData(shop)
    mujoco.mj_forward(shop, data)
    before = data.xpos.copy()
    mujoco.mj_step(shop, data, 250)
    assert np.abs(data.xpos - before)[1:].max() < 0.002
    assert (data.xmat[1:, 8] > 0.999).all()


def test_masses_are_those_of_the_table_and_only_hulls_collide(shop):
    for name, kind in KINDS.items():
        assert shop.body(name).mass[0] == pytest.approx(kind.mass_kg)
    colliding = {shop.geom(i).name.split("/")[-1] for i in range(1, shop.ngeom) if shop.geom_contype[i]}
    assert colliding == {"hull"}


def test_a_lid_is_on_or_off(shop):
    for kind in ("jar", "teapot", "letter", "pill box", "cereal box", "carton", "bottle", "can"):
        assert KINDS[kind].can_open
        apply_state(shop, kind, ThingState(is_open=True))
        opened = seen(shop, kind)
        apply_state(shop, kind, ThingState())
        assert opened != seen(shop, kind)
        assert "open" not in seen(shop, kind)
        assert "closed" not in opened


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS.values() if kind.holds_liquid])
def test_the_surface_rises_with_the_level(shop, kind):
    names = {shop.geom(i).name for i in range(shop.ngeom)}
    if f"{kind}/content" not in names:
        assert kind in ("bottle", "carton", "kettle", "can"), f"{kind} shows nothing of what it holds"
        return
    geom, tops = shop.geom(f"{kind}/content"), []
    for level in (0.2, 0.6, 1.0):
        apply_state(shop, kind, ThingState(level=level))
        tops.append(float(geom.pos[2] + geom.size[1]))
        assert "content" in seen(shop, kind)
    half = shop.geom(f"{kind}/hull").size[2]
    assert -half < tops[0] < tops[1] < tops[2] < half + 0.001
    apply_state(shop, kind, ThingState())
    assert "content" not in seen(shop, kind)


def test_food_shrinks_in_exclusive_stages(shop):
    for kind in ("apple", "banana", "orange", "bread"):
        assert KINDS[kind].is_eaten
        stages = []
        for share in (1.0, 0.4, 0.0):
            apply_state(shop, kind, ThingState(share=share))
            (stage,) = seen(shop, kind)
            stages.append(stage)
        assert stages == sorted(set(stages))
        apply_state(shop, kind, ThingState())


def test_steam_rises_only_from_what_is_hot(shop):
    def steam():
        return [shop.geom_group[shop.geom(f"mug/steam{i}").id] for i in range(3)]

    cold = steam()
    apply_state(shop, "mug", ThingState(level=0.8, is_hot=True))
    hot = steam()
    apply_state(shop, "mug", ThingState(level=0.8))
    assert steam() == cold != hot
    assert SEEN_GROUP not in hot


def test_a_state_leaves_no_trace(shop):
    before = {name: getattr(shop, name).copy() for name in ("geom_group", "geom_rgba", "geom_quat", "body_mass")}
    apply_state(shop, "teapot", ThingState(True, 0.7, True))
    apply_state(shop, "teapot", ThingState())
    for name, values in before.items():
        np.testing.assert_array_equal(getattr(shop, name), values)


def test_states_at_the_start_are_possible_ones():
    rng = np.random.default_rng(1)
    for kind in KINDS.values():
        for _ in range(20):
            state = initial_state(kind.name, rng)
            assert not state.is_open
            assert state.share == 1.0
            assert state.is_hot <= (kind.can_be_hot and state.level > 0)
            assert state.level == 0 or kind.holds_liquid or kind.name in ("pill box", "cereal box", "salt shaker")
    assert any(initial_state("kettle", rng).level > 0 for _ in range(5))


def test_what_does_not_exist_is_named(shop):
    with pytest.raises(ThingError, match=r"no kind of thing 'sock'.*mug"):
        ThingLook.sample("sock", np.random.default_rng(0))
    with pytest.raises(ThingError, match=r"no looks 'exam'.*new"):
        ThingLook.sample("mug", np.random.default_rng(0), "exam")
    with pytest.raises(ThingError, match=r"no 'sock' in this kitchen.*remote"):
        apply_state(shop, "sock", ThingState())
    with pytest.raises(ThingError, match="level"):
        ThingState(level=1.2)
    with pytest.raises(ThingError, match="share"):
        ThingState(share=-0.1)
