"""`--set path=value`."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.scenario.load import load_scenario
from loadtest.scenario.problems import ScenarioProblems
from tests.unit.scenario.conftest import Spoil
from tests.unit.scenario.test_load import SHIPPED, problems_of


def test_overrides_change_what_they_name_and_are_recorded(spoil: Spoil) -> None:
    path = spoil()
    loaded = load_scenario(
        path, ["blocks=7", "arrivals.0.rate_per_minute=3.5", "callee.ring_s={uniform: [1, 2]}", "blocks=8"]
    )
    assert loaded.scenario.blocks == 8
    assert loaded.scenario.arrivals[0].rate_per_minute == 3.5
    assert loaded.scenario.callee.ring_s.uniform == (1, 2)
    assert loaded.overrides == {
        "blocks": 8,
        "arrivals.0.rate_per_minute": 3.5,
        "callee.ring_s": {"uniform": (1, 2)},
    }
    again = load_scenario(path, [f"{name}={text}" for name, text in loaded.override_texts])
    assert again.scenario == loaded.scenario


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    seed=st.integers(0, 2**63 - 1),
    limit=st.floats(0.001, 120, allow_nan=False),
    description=st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=30),
)
def test_any_value_arrives_as_written(spoil: Spoil, seed: int, limit: float, description: str) -> None:
    path = spoil()
    quoted = json.dumps(description, ensure_ascii=False)
    scenario = load_scenario(path, [f"seed={seed}", f"reply_limit_s={limit!r}", f"description={quoted}"]).scenario
    assert (scenario.seed, scenario.reply_limit_s, scenario.description) == (seed, limit, description)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("blcks=3", '--set blcks=3: blcks: expected a key of the scenario; found unknown key "blcks"'),
        ("callee.ring=3", '--set callee.ring=3: callee.ring: expected a key of callee; found unknown key "ring"'),
        ("arms.gaa.api=x", '--set arms.gaa.api=x: arms.gaa.api: expected one of the arms preview, ga; found "gaa"'),
        (
            "arrivals.1.for_s=3",
            '--set arrivals.1.for_s=3: arrivals.1.for_s: expected a position in the list arrivals (0 to 0); found "1"',
        ),
        ("blocks=many", '--set blocks=many: blocks: expected a whole number; found "many"'),
        ("blocks=", "--set blocks=: blocks: expected a whole number; found nothing"),
        ("name=no way", "--set name=no way: name: expected a name of at most 40 small letters, digits, - and _; "
         'found "no way"'),
        ("blocks", '--set blocks: expected path=value; found "blocks"'),
        ("=3", '--set =3: expected path=value; found "=3"'),
        ("seed=[", "--set seed=[: seed: expected YAML; malformed: while parsing a flow node, "
         "expected the node content, but found '<stream end>'"),
        ("name=!env HOME", "--set name=!env HOME: name: expected plain data; found the tag !env"),
        ("name.x=3", '--set name.x=3: name.x: expected name to be a mapping or list; found "small"'),
        (
            "script=scripts/nothing.yaml",
            "--set script=scripts/nothing.yaml: script: expected a script file; "
            'found no file "scripts/nothing.yaml" (scripts/nothing.yaml), '
            f"nor among the shipped scenarios ({SHIPPED}/scripts/nothing.yaml)",
        ),
        ("thresholds.0=foo", "--set thresholds.0=foo: thresholds.0: expected `metric[.arm].stat op value`, such as "
         '`reply_latency.p95 < 3000`; found "foo"'),
    ],
)  # fmt: skip
def test_what_is_wrong_names_the_override(spoil: Spoil, override: str, said: str) -> None:
    assert problems_of(spoil(), override) == [said]


def test_free_keys_are_taken_where_the_user_makes_them(spoil: Spoil) -> None:
    loaded = load_scenario(spoil(), ["arms.ga.agent={reference}", "arms.ga.agent.metadata.tenant=acme"])
    assert loaded.scenario.arms["ga"].agent.metadata == {"tenant": "acme"}


@pytest.mark.parametrize(
    ("override", "remedy"),
    [
        ("dail=by_agent", "Did you mean `dial`?"),
        ("dial=by_agnt", "Did you mean `by_agent`?"),
        ("stack=externl", "Did you mean `external`?"),
        ("limits.cost_us=3", "Did you mean `limits.cost_usd`?"),
        ("arms.ga.agent={comand: [a]}", "Did you mean `command`?"),
        ("arms.ga.endpoint.profil=p.yaml", "Did you mean `arms.ga.endpoint.profile`?"),
        ("hosts.0=example.org", "Set it whole: --set 'hosts=[...]'."),
        ("cap.x=3", "It is one value: --set cap=VALUE. What is in a file that it names is changed there."),
        ("script.voice=x", "It is one value: --set script=VALUE. What is in a file that it names is changed there."),
    ],
)
def test_the_nearest_key_is_offered(spoil: Spoil, override: str, remedy: str) -> None:
    with pytest.raises(ScenarioProblems) as raised:
        load_scenario(spoil("blocks: 3", "blocks: 3\ncap: 2"), [override])
    assert [problem.remedy for problem in raised.value.problems] == [remedy]
