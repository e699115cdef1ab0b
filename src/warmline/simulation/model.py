"""The model: a request in, a reply out, and what it remembers between them. Knows the time, but no sockets."""

from __future__ import annotations

import json

from warmline.protocols import Clock
from warmline.simulation.answers import answer, question_in
from warmline.simulation.counts import Counts, Record, Sums
from warmline.simulation.faults import Fault, Faults, Kind
from warmline.simulation.messages import ApiError, Prompt, Rendered, Request, read_prompt, read_request, render
from warmline.simulation.playback import Playback, Reply, ToolUse, Words
from warmline.simulation.prefixes import PrefixCache, Reading
from warmline.simulation.settings import BYTES_PER_TOKEN, SimulationSettings, tokens_in
from warmline.simulation.turns import Call, next_turn


class SimulatedModel:
    """Answers requests. The same requests in the same order, at the same times, give the same replies."""

    def __init__(self, settings: SimulationSettings, clock: Clock) -> None:
        self.settings = settings
        self.faults = Faults()
        self.counts = Counts(settings.max_records)
        self._cache = PrefixCache(settings.max_cached)
        self._clock = clock
        self._number = 0

    def count_tokens(self, body: bytes) -> int:
        """Return how long a prompt is. Raises ApiError."""
        prompt = read_prompt(body)
        self._check_model(prompt.model)
        return render(prompt).tokens

    def reply(self, body: bytes) -> tuple[Playback, Sums]:
        """Return the reply to a request, and where to count how it ended. Raises ApiError when it is refused."""
        request = read_request(body)
        self._check_model(request.model)
        sums = self.counts.models[request.model]
        sums.requests += 1
        try:
            return self._reply(request, sums), sums
        except ApiError:
            sums.refused += 1
            raise

    def _reply(self, request: Request, sums: Sums) -> Playback:
        fault = self._next_fault(request)
        rendered = render(request)
        if rendered.tokens > self.settings.window_tokens:
            message = f"prompt is too long: {rendered.tokens} tokens > {self.settings.window_tokens} maximum"
            raise ApiError(400, message)
        self._number += 1
        reading = self._cache.read(rendered.boundaries, self._clock.now())
        said, tokens, stop_reason = self._write(request, fault)
        reply = Reply(
            number=self._number,
            model=request.model,
            said=said,
            stop_reason=(fault and fault.stop_reason) or stop_reason,
            usage=reading.usage(tokens),
            begins_seconds=self.settings.reading_seconds(fresh=reading.fresh, cached=reading.read),
            writes_seconds=self.settings.writing_seconds(tokens),
        )
        self.counts.note(_record(reply, rendered, reading, tokens, fault))
        playback = reply.streamed() if request.stream else reply.whole()
        if fault is None:
            return playback
        sums.spoiled += 1
        return fault.spoil(playback)

    def _next_fault(self, prompt: Prompt) -> Fault | None:
        """Return the fault that is due. Raises ApiError when it is a refusal."""
        fault = self.faults.next(question_in(prompt))
        if fault is not None:
            self.counts.faults[fault.kind] += 1
            if fault.kind is Kind.STATUS:
                raise fault.refusal()
        return fault

    def _write(self, request: Request, fault: Fault | None) -> tuple[Words | ToolUse, int, str]:
        """Return what is said, its tokens and why it ends there."""
        turn = fault.turn() if fault else None
        if turn is None:
            turn = next_turn(request, self.settings.answer_tokens)
        if isinstance(turn, Call):
            return self._call(turn, request.max_tokens)
        text = answer(request, self.settings.answer_tokens) if turn is None else turn
        tokens = max(tokens_in(len(text.encode())), self.settings.answer_tokens)
        if tokens <= request.max_tokens:
            return Words(text), tokens, "end_turn"
        room = request.max_tokens * BYTES_PER_TOKEN
        return Words(text.encode()[:room].decode(errors="ignore")), request.max_tokens, "max_tokens"

    def _call(self, call: Call, max_tokens: int) -> tuple[Words | ToolUse, int, str]:
        """Call a tool; when there is no room to write its input, nothing is said."""
        use = ToolUse(f"toolu_{self._number:024d}", call.name, call.input)
        tokens = tokens_in(len(json.dumps(use.whole()).encode()))
        if tokens > max_tokens:
            return Words(""), max_tokens, "max_tokens"
        return use, tokens, "tool_use"

    def _check_model(self, name: str) -> None:
        if self.settings.models and name not in self.settings.models:
            raise ApiError(404, f"model: {name}")


def _record(reply: Reply, rendered: Rendered, reading: Reading, tokens: int, fault: Fault | None) -> Record:
    return Record(
        number=reply.number,
        model=reply.model,
        prefix=rendered.prefix.digest.hex(),
        prefix_tokens=rendered.prefix.tokens,
        tokens=rendered.tokens,
        fresh=reading.fresh,
        written_5m=reading.written_5m,
        written_1h=reading.written_1h,
        cached=reading.read,
        output=tokens,
        stop_reason=reply.stop_reason,
        stated_seconds=reply.begins_seconds + reply.writes_seconds,
        fault=fault.kind if fault else None,
    )
