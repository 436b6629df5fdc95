"""What the callee can say in a call: the script's lines with the values and waits that were drawn for it."""

from __future__ import annotations

from loadtest.audio.wav import Line
from loadtest.call.cues import Cue
from loadtest.call.impaired import BadLine
from loadtest.call.spec import Keys, Lines, Utterance
from loadtest.plan.calls import PlannedCall
from loadtest.scenario.keys import presses
from loadtest.scenario.load import LoadedScenario
from loadtest.scenario.script_files import LoadedLine, LoadedScript

__all__ = ["Vocabulary", "bad_line"]


def bad_line(loaded: LoadedScenario) -> BadLine | None:
    """The line of all of a scenario's callees, if it is a bad one. Its noise is set against the script's lines."""
    spec = loaded.scenario.callee.line
    if spec is None:
        return None
    first_takes = (next(iter(line.takes.values()), None) for line in loaded.script.lines)
    return BadLine(spec, (take for take in first_takes if take is not None), loaded.scenario.seed)


class Vocabulary:
    """A script, ready to be said. Where the speech of each take begins and ends is found out beforehand, once."""

    def __init__(self, script: LoadedScript) -> None:
        self._script = script
        self._utterances: dict[tuple[str, str], Utterance] = {}
        for line in (*script.lines, *script.reprompts, *([script.goodbye] if script.goodbye else [])):
            for take in line.takes.values():
                self._utterance(line.name, take)

    def lines(self, call: PlannedCall) -> Lines:
        """Everything for one call."""
        script = self._script
        return Lines(
            script=tuple(
                self._ready(line, call, at_once=spec.barge_in is not None)
                for spec, line in zip(script.spec.lines, script.lines, strict=True)
            ),
            cues=tuple(
                Cue(
                    wait_s=wait_s,
                    if_silent_s=line.if_silent_s,
                    reply=line.reply,
                    barge_in_s=None if line.barge_in is None else line.barge_in.after_s,
                )
                for line, wait_s in zip(script.spec.lines, call.waits_s, strict=True)
            ),
            reprompts=tuple(self._ready(line, call) for line in script.reprompts),
            goodbye=self._ready(script.goodbye, call) if script.goodbye else None,
        )

    def shortest(self, call: PlannedCall) -> Lines:
        """The one line that takes least time, for a warm-up call; heard rather than keyed, if there is one."""
        ready = [self._ready(line, call) for line in self._script.lines]
        spoken = [line for line in ready if isinstance(line, Utterance)]
        line = min(spoken, key=lambda line: len(line.samples)) if spoken else ready[0]
        return Lines(script=(line,), cues=(Cue(),), reprompts=(), goodbye=None)

    def _ready(self, line: LoadedLine, call: PlannedCall, *, at_once: bool = False) -> Utterance | Keys:
        take = line.take(call.variables)
        if take is not None:
            utterance = self._utterance(line.name, take)
            return utterance.at_once() if at_once else utterance
        assert line.spec.dtmf is not None
        return Keys(line.name, tuple(presses(line.spec.dtmf)))

    def _utterance(self, name: str, take: Line) -> Utterance:
        key = (name, take.sha256)
        if key not in self._utterances:
            self._utterances[key] = Utterance.of(name, take)
        return self._utterances[key]
