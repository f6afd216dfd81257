"""Section 1: frames, and what a worker ignores."""

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.case import Broken
from prack_grpc.conformance.stream.cases.catalogue import case
from prack_grpc.conformance.stream.cases.exchanges import expect
from prack_grpc.conformance.stream.plain import PlainLink
from prack_grpc.conformance.stream.trial import StreamTrial

UNKNOWN = b"\xfa\x01\x03abc\x98\x06\x01"  # fields 31 and 99, which no version has
ROUNDS, CROWD = 8, 32
PER_FRAME = 2.0


@case("1.1", advice=True)
async def packs_heads(trial: StreamTrial) -> None:
    """Under load a worker packs what waits into one frame: two heads and more."""
    session = await trial.session()
    crowd = min(CROWD, session.hello.capacity.max_in_flight)
    before = len(session.frames)
    for _ in range(ROUNDS):
        made = [session.make() for _ in range(crowd)]
        session.send(requests=[one.request for one in made])
        await session.done(*made)
    frames = sum(1 for _, frame in session.frames[before:] if frame.heads)
    if crowd >= CROWD and ROUNDS * crowd / frames < PER_FRAME:
        raise Broken("1.1", f"{ROUNDS * crowd / frames:.1f} heads a frame under load")


@case("1.3")
async def stalled_response_holds_up_nobody(trial: StreamTrial) -> None:
    """A response whose window is used up does not hold up another exchange."""
    session = await trial.session()
    stalled = session.request("/big", reads=False)
    await session.received(stalled, stalled.limit, "5.1")
    await session.done(session.request(), rule="1.3")


@case("1.3")
async def unread_body_holds_up_nobody(trial: StreamTrial) -> None:
    """A body that the application does not read does not hold up another exchange."""
    session = await trial.session()
    unread = session.request("/slow/1500", "POST", end=False)
    await session.upload(unread, bytes(unread.granted), finish=False)
    other = session.request()
    await session.until(lambda: other.done, "1.3", "another answer", min(1.2, trial.patience))
    await session.done(unread)


@case("1.4")
async def unknown_fields(trial: StreamTrial) -> None:
    """Fields that a worker does not know are ignored."""
    session = await trial.session()
    made = session.make()
    session.link.write(pb.GatewayFrame(requests=[made.request]).SerializeToString() + UNKNOWN)
    await session.done(made, rule="1.4")


@case("1.4", "4.6")
async def unknown_reason(trial: StreamTrial) -> None:
    """A Cancel with a reason that a worker does not know is a Cancel."""
    session = await trial.session()
    made = session.request("/slow/30000")
    session.cancel(made, 99)
    await session.done(made, rule="1.4")


@case("1.6")
async def merged_frames(trial: StreamTrial) -> None:
    """Four frames that were merged into one are four; an empty one is none."""
    session = await trial.session()
    session.link.write(b"")
    a, b = (session.make("/echo", "POST", body=body, end=False) for body in (b"a", b"b"))
    merged = [
        pb.GatewayFrame(requests=[a.request]),
        pb.GatewayFrame(requests=[b.request], data=[pb.Data(id=a.id, data=b"A")]),
        pb.GatewayFrame(data=[pb.Data(id=b.id, data=b"B")], finishes=[pb.Finish(id=a.id)]),
        pb.GatewayFrame(finishes=[pb.Finish(id=b.id)]),
    ]
    session.link.write(b"".join(frame.SerializeToString() for frame in merged))
    await session.done(a, b, rule="1.6")
    expect(a, 200, b"aA", "1.6")
    expect(b, 200, b"bB", "1.6")


@case("1.6", "11.3", only="prack")
async def frames_in_pieces(trial: StreamTrial) -> None:
    """A frame may come in pieces, and several may come at once."""
    session = await trial.session()
    link = session.link
    made = [session.make("/echo", "POST", body=bytes([65 + i]) * 300) for i in range(3)]
    frames = [pb.GatewayFrame(requests=[one.request]).SerializeToString() for one in made]
    if isinstance(link, PlainLink):
        await link.write_in_pieces(frames[0])
    link.write(frames[1])
    link.write(frames[2])
    await session.done(*made, rule="11.3")
    if any(one.body != one.request.body for one in made):
        raise Broken("11.3", f"other bodies than were sent: {[str(one) for one in made]}")


@case("3.1")
async def holds_as_many_as_its_slots(trial: StreamTrial) -> None:
    """A worker works on as many exchanges at a time as it has slots."""
    session = await trial.session()
    slots = min(session.hello.capacity.max_in_flight, CROWD)
    held = [session.request("/slow/1200") for _ in range(slots - 1)]
    last = session.request()
    await session.until(lambda: last.done, "3.1", "an answer in the last slot", trial.patience)
    if any(one.done for one in held):
        raise Broken("3.1", f"the last of {slots} slots was answered after the others")
    await session.done(*held)


@case("1.5", "5.3")
async def limits_of_one_frame(trial: StreamTrial) -> None:
    """Several large responses at a time stay within the limits of frames and Data."""
    session = await trial.session()
    made = [session.request("/big") for _ in range(3)]
    await session.done(*made, rule="5.2")
