"""Radicale: calendars over CalDAV (RFC 4791)."""

from collections.abc import Iterator
from datetime import UTC, datetime

import caldav
import pytest

from tests.acceptance.processes import Launcher
from tests.sites.served import Site, Visitor, compared, serving

EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:{0}
DTSTAMP:20260101T000000Z
DTSTART:2026010{0}T100000Z
DTEND:2026010{0}T110000Z
SUMMARY:Käse {0}
END:VEVENT
END:VCALENDAR
"""
# Times, the names of versions made of them, and how long all that is when it is compressed.
VARYING = (r"^content-length: \d+", r"[0-9a-f]{64}")


@pytest.fixture(scope="module")
def site(shared: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(shared, tmp_path_factory.mktemp("radicale"), "Radicale") as site:
        yield site


def kept(url: str) -> list[str]:
    """What a client of calendars finds that has made one."""
    with caldav.DAVClient(url, username="ada", password="secret") as client:
        calendar = client.principal().make_calendar(name="Work", cal_id="work")
        for day in (1, 2, 3):
            calendar.save_event(EVENT.format(day))
        until = (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC))
        found = calendar.search(start=until[0], end=until[1], event=True)
        names = sorted(str(event.icalendar_component["summary"]) for event in found)
        calendar.event_by_uid("2").delete()
        left = sorted(str(event.icalendar_component["uid"]) for event in calendar.events())
        return [
            *names,
            *left,
            *(str(calendar.get_display_name()) for calendar in client.principal().calendars()),
        ]


def test_a_client_of_calendars_finds_the_same(site: Site) -> None:
    through, direct = map(kept, site.both)
    assert through == direct == ["Käse 2", "Käse 3", "1", "3", "Work"]


def test_answers_are_the_same(site: Site) -> None:
    def visit(visitor: Visitor) -> None:
        visitor.ask("PROPFIND", "/ada/", 401)
        visitor.client.auth = ("ada", "secret")
        visitor.ask("MKCALENDAR", "/ada/home/", 201)
        visitor.ask("PUT", "/ada/home/1.ics", 201, content=EVENT.format(1))
        visitor.ask("PUT", "/ada/home/1.ics", 412, content="", headers={"If-None-Match": "*"})
        visitor.ask("PUT", "/ada/home/2.ics", 400, content="no calendar")
        visitor.ask("PROPFIND", "/ada/home/", 207, headers={"Depth": "1"})
        moved = {"Destination": f"{visitor.url}/ada/home/3.ics"}
        visitor.ask("MOVE", "/ada/home/1.ics", 201, headers=moved)
        visitor.ask("GET", "/ada/home/3.ics", 200)
        visitor.ask("GET", "/", 302)
        visitor.ask("GET", "/.web/", 200)
        visitor.ask("GET", "/.well-known/caldav", 301)
        visitor.ask("OPTIONS", "/", 200)
        visitor.ask("DELETE", "/ada/home/", 200)

    compared(site, visit, VARYING)
