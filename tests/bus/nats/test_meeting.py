"""Gateways that meet over one NATS server."""

import asyncio
from collections import Counter

import nats
import pytest
from nats.aio.msg import Msg

from prack_grpc.bus.link import Link
from prack_grpc.bus.nats.envelope import Envelope, Kind, Subjects
from prack_grpc.bus.nats.meeting import STOPPED
from prack_grpc.bus.nats.parcels import WINDOW
from tests.bus.nats.party import attending, settled
from tests.support.nats_servers import NatsServers

A, B, C = "aaaaaaaa", "bbbbbbbb", "cccccccc"


async def test_any_two_have_one_link(server: NatsServers) -> None:
    async with (
        attending(A, *server.urls) as a,
        attending(B, *server.urls) as b,
        attending(C, *server.urls) as c,
    ):
        parties = (a, b, c)
        for one in parties:
            for other in parties:
                if one is not other:
                    (await one.link(other.me)).link.send(f"{one.me} to {other.me}".encode())
        for one in parties:
            for other in parties:
                if one is not other:
                    heard = await one.link(other.me)
                    await heard.so_many(1)
                    assert heard.messages == [f"{other.me} to {one.me}".encode()]
        assert [len(one.heard) for one in parties] == [2, 2, 2]


async def test_clusters_do_not_see_each_other(server: NatsServers) -> None:
    async with (
        attending(A, *server.urls, cluster="one") as a,
        attending(B, *server.urls, cluster="two") as b,
        attending(C, *server.urls, cluster="one") as c,
    ):
        await a.link(C)
        await c.link(A)
        assert (len(a.heard), len(b.heard), len(c.heard)) == (1, 0, 1)


async def test_order_is_kept_both_ways_with_more_than_a_window(server: NatsServers) -> None:
    async with attending(A, *server.urls) as a, attending(B, *server.urls) as b:
        there, back = await a.link(B), await b.link(A)
        sent = [number.to_bytes(4) * (number * 37 % 9_000) for number in range(600)]
        assert sum(map(len, sent)) > 4 * WINDOW

        async def send_all(link: Link) -> None:
            for message in sent:
                await link.room()
                link.send(message)

        await asyncio.gather(send_all(there.link), send_all(back.link))
        await there.so_many(len(sent))
        await back.so_many(len(sent))
        assert there.messages == back.messages == sent
        assert len(a.heard) == len(b.heard) == 1


async def test_who_leaves_says_so(server: NatsServers) -> None:
    async with attending(A, *server.urls) as a:
        async with attending(B, *server.urls) as b:
            heard = await a.link(B)
            own = await b.link(A)
            own.link.send(b"the last word")
        await heard.over(seconds=1.0)
        assert (heard.messages, heard.ends, own.ends) == ([b"the last word"], [STOPPED], [STOPPED])


async def test_a_link_that_breaks_is_made_again(server: NatsServers) -> None:
    async with attending(A, *server.urls) as a, attending(B, *server.urls) as b:
        first, other = await a.link(B), await b.link(A)
        first.link.close("for a test")
        assert first.ends == ["for a test"]
        first.link.send(b"to nobody")
        await other.over()
        second = await a.link(B)
        (await b.link(A)).link.send(b"anew")
        await second.so_many(1)
        assert (other.messages, other.ends, second.messages) == ([], ["for a test"], [b"anew"])


async def test_who_has_a_better_link_is_left_alone(server: NatsServers) -> None:
    async with attending(A, *server.urls) as a, attending(B, *server.urls) as b:
        first, other = await a.link(B), await b.link(A)
        said = Counter[str]()
        a.others.add(B)
        b.others.add(A)
        first.link.close("already linked over a socket")
        await other.over()
        listener = await nats.connect(*server.urls)

        async def hello(message: Msg) -> None:
            said[message.data.decode()] += 1
            a.changes.tell()

        await listener.subscribe(Subjects("tests").hello, cb=hello)
        await a.changes.until(lambda: min(said[A], said[B]) == 2)
        await listener.close()
        assert (len(a.heard), len(b.heard)) == (1, 1)
        a.others.clear()
        b.others.clear()
        await a.link(B)


async def test_what_is_not_of_this_version_is_told_and_left_alone(
    server: NatsServers, caplog: pytest.LogCaptureFixture
) -> None:
    async with attending(A, *server.urls) as a, attending(B, *server.urls) as b:
        heard = await a.link(B)
        stranger = await nats.connect(*server.urls)
        for message in (b"", b"\x02" + bytes(60), b"\x01\x07" + bytes(60), b"\x01\x02" + bytes(60)):
            await stranger.publish(Subjects("tests").inbox(A), message)
        await stranger.publish(Subjects("tests").hello, b"\xff not an id")
        await settled(stranger)
        await stranger.close()
        (await b.link(A)).link.send(b"as before")
        await heard.so_many(1)
        assert (heard.messages, len(a.heard)) == ([b"as before"], 1)
    assert "another version" in caplog.text


async def test_a_parcel_that_is_cut_short_is_left_alone(server: NatsServers) -> None:
    async with attending(A, *server.urls) as a, attending(B, *server.urls) as b:
        heard = await a.link(B)
        said: asyncio.Queue[bytes] = asyncio.Queue()
        stranger = await nats.connect(*server.urls)

        async def overhear(message: Msg) -> None:
            said.put_nowait(message.data)

        await stranger.subscribe(Subjects("tests").inbox(A), cb=overhear)
        await settled(stranger)
        (await b.link(A)).link.send(b"first")
        await heard.so_many(1)
        while (parcel := await said.get())[1] != Kind.DATA:
            pass  # a beat
        await stranger.publish(Subjects("tests").inbox(A), parcel[:30])
        await settled(stranger)
        (await b.link(A)).link.send(b"as before")
        await heard.so_many(2)
        assert (heard.messages, heard.ends) == ([b"first", b"as before"], [])
        await stranger.close()


async def test_an_offer_to_an_end_that_is_no_more_is_left_alone(server: NatsServers) -> None:
    async with attending(A, *server.urls) as a, attending(B, *server.urls) as b:
        heard = await a.link(B)
        late = Envelope(Kind.OPEN, B, end=b"12345678", to=b"87654321")
        stranger = await nats.connect(*server.urls)
        await stranger.publish(Subjects("tests").inbox(A), late.pack())
        await settled(stranger)
        await stranger.close()
        (await b.link(A)).link.send(b"as before")
        await heard.so_many(1)
        assert (len(a.heard), heard.ends) == (1, [])
