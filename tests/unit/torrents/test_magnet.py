"""Magnets, held to libtorrent: same hashes, and what we send on is what it reads."""

import base64
import random

import libtorrent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbdispatch.torrents.errors import InvalidMagnet, TorrentError
from qbdispatch.torrents.magnet import parse_magnet
from tests.unit.torrents.oracle import Reading, reads_magnet

V1, OTHER_V1 = "c0ffee" + "0123456789" * 3 + "abcd", "beef" * 10
V2, OTHER_V2 = "0a1b2c3d" * 8, "12345678" * 8
BASE32 = base64.b32encode(bytes.fromhex(V1)).decode()


def ours(uri: str) -> Reading:
    """Our verdict in the oracle's form."""
    try:
        hashes = parse_magnet(uri).hashes
    except InvalidMagnet as error:
        return Reading(refusal=str(error))
    return Reading(v1=hashes.v1, v2=hashes.v2)


def percent_encoded(text: str, share: float, rng: random.Random) -> str:
    return "".join(f"%{ord(char):02x}" if rng.random() < share else char for char in text)


def mixed_case(text: str, rng: random.Random) -> str:
    return "".join(rng.choice((char.upper(), char.lower())) for char in text)


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str | None, str | None]:
    """A magnet in one of its many spellings, with the hashes that went into it."""
    rng = draw(st.randoms(use_true_random=False))
    v1 = draw(st.none() | st.binary(min_size=20, max_size=20).filter(any))
    v2 = draw(st.binary(min_size=32, max_size=32).filter(any) if v1 is None else st.none() | st.just(b"\x07" * 32))
    topics = []
    if v1 is not None:
        digits = draw(st.sampled_from((v1.hex(), base64.b32encode(v1).decode())))
        topics.append("urn:btih:" + mixed_case(digits, rng))
    if v2 is not None:
        topics.append("urn:btmh:1220" + mixed_case(v2.hex(), rng))
    name = draw(st.sampled_from(("xt", "XT", "xt.1", "Xt.23", "xt.")))
    parameters = [f"{name}={percent_encoded(topic, draw(st.sampled_from((0, 0.3, 1))), rng)}" for topic in topics]
    extra = (
        "dn=Some+Name",
        "tr=udp%3A%2F%2Ftracker.example%3A80",
        "ws=http://seed.example/a%20b",
        "x.pe=10.0.0.1:6881",
    )
    parameters += draw(st.lists(st.sampled_from((*extra, "xl=12345", "xt=urn:sha1:ABC", "so=0-2", "tr.1=http://t/a"))))
    rng.shuffle(parameters)
    return "magnet:?" + "&".join(parameters), v1.hex() if v1 else None, v2.hex() if v2 else None


@given(spellings())
def test_every_spelling_gives_the_hashes_that_libtorrent_reads(
    case: tuple[str, str | None, str | None],
) -> None:
    """Case, order, suffixes, base32 and percent-encoding do not change the identity."""
    uri, v1, v2 = case
    assert reads_magnet(uri) == Reading(v1=v1, v2=v2)
    assert ours(uri) == Reading(v1=v1, v2=v2)


@given(spellings())
def test_a_node_reads_from_our_magnet_what_it_reads_from_the_clients(
    case: tuple[str, str | None, str | None],
) -> None:
    """Trackers, web seeds, peers, file choice and name arrive as they were sent."""
    sent = parse_magnet(case[0]).magnet
    assert sent is not None
    before, after = libtorrent.parse_magnet_uri(case[0]), libtorrent.parse_magnet_uri(sent)
    for field in ("trackers", "url_seeds", "peers", "file_priorities", "name"):
        assert getattr(after, field) == getattr(before, field)
    assert after.info_hashes == before.info_hashes


FRAGMENTS = (
    "xt=", "XT=", "xt.1=", "xt.a=", "xt", "urn:btih:", "urn:btmh:", "urn:sha1:", "1220", "1114", V1, V1.upper(), V2,
    BASE32, BASE32[:-1] + "1", BASE32[:-1] + "0", V1[:-1], "g", "+", " ", "%", "%6", "%61", "%zz", "&", "&", "&amp;",
    "=", "dn=", "tr=http://t/", "#", "?", ":", ".", "0" * 40, "\u212a", "\u017f",
)  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(lambda parts: "magnet:?" + "".join(parts)))
def test_what_libtorrent_accepts_we_accept_alike_and_what_we_send_it_accepts(uri: str) -> None:
    """Over magnets put together at random; a hash of zeros is the one thing we refuse and its parser takes."""
    mine, theirs = ours(uri), reads_magnet(uri.strip())
    if theirs.refusal is None and "0" * 40 not in uri:
        assert mine == theirs
    if mine.refusal is None:
        assert reads_magnet(parse_magnet(uri).magnet or "") == mine


@given(st.text())
def test_any_text_at_all_is_a_source_or_a_torrent_error(text: str) -> None:
    """Nothing else escapes, whatever a client sends."""
    for uri in (text, "magnet:?" + text, f"magnet:?xt=urn:btih:{V1}&{text}"):
        try:
            source = parse_magnet(uri)
        except TorrentError:
            continue
        assert source.hashes.key


@pytest.mark.parametrize(
    ("uri", "sent"),
    [
        (f"magnet:?xt=urn:btih:{V1}&dn=a+b&tr=x%20y", f"magnet:?xt=urn:btih:{V1}&dn=a+b&tr=x%20y"),
        (f" MAGNET:?XT=URN:BTIH:{V1.upper()}\n", f"magnet:?xt=urn:btih:{V1}"),
        (f"magnet:?&junk&DN=x&xt.1=urn%3Abtih%3A{BASE32}&", f"magnet:?DN=x&xt=urn:btih:{V1}"),
        (f"magnet:?v1=x&v2=y&xt=urn:btmh:1220{V2.upper()}", f"magnet:?v1=x&v2=y&xt=urn:btmh:1220{V2}"),
    ],
)
def test_a_magnet_is_rewritten_only_where_a_node_might_stumble(uri: str, sent: str) -> None:
    """Scheme, hash and empty parts get the one spelling every node takes; all else stays as it came."""
    assert parse_magnet(uri).magnet == sent
    assert reads_magnet(sent).refusal is None


def test_a_one_in_base32_is_read_as_the_letter_i_as_in_libtorrent() -> None:
    """People type what they see; a zero for the letter O is refused, though."""
    uri = f"magnet:?xt=urn:btih:1{BASE32[1:]}"
    assert ours(uri) == reads_magnet(uri)
    assert ours(uri) == ours(f"magnet:?xt=urn:btih:I{BASE32[1:]}")
    assert ours(uri).v1 is not None


def test_of_several_hashes_of_one_kind_the_last_counts_as_in_libtorrent() -> None:
    """Otherwise we would wait for a torrent under another hash than the node adds."""
    uri = f"magnet:?xt=urn:btih:{V1}&xt=urn:btmh:1220{V2}&xt=urn:btih:{OTHER_V1}&xt.2=urn:btmh:1220{OTHER_V2}"
    assert ours(uri) == reads_magnet(uri) == Reading(v1=OTHER_V1, v2=OTHER_V2)


@pytest.mark.parametrize(
    "uri",
    [
        "", "magnet:", "magnet:?", "magnet:?dn=x", f"magnet:xt=urn:btih:{V1}", f"magnet:?xt=urn:sha1:{V1}",
        f"magnet:?xt=urn:btih:{V1}0", f"magnet:?xt=urn:btih:{V1[:-1]}g", f"magnet:?xt=urn:btih:{V2}",
        f"magnet:?xt=urn:btmh:1114{V1}", f"magnet:?xt=urn:btmh:{V2}", f"magnet:?xt=urn:btih:{V1}&xt=urn:btih:zz",
        f"magnet:?xt=urn:btih:{V1}&xt=urn:btmh:1220{V2}0", f"magnet:?xt=urn:btih:{V1}#f", f"http://x/?xt=urn:btih:{V1}",
        f"magnet:?xt=urn:btih:{V1}&xt=urn:sha1:%zz", f"magnet:?xt=urn:btih:\u212a{BASE32[1:]}",
        f"magnet:?xt=urn:btih:0{BASE32[1:]}", f"magnet:?xt.a=urn:btih:{V1}", f"magnet:?xt=urn:btm\u212a:1220{V2}",

    ],
)  # fmt: skip
def test_what_libtorrent_refuses_is_refused(uri: str) -> None:
    """No hash, half a hash, another multihash, another scheme."""
    assert reads_magnet(uri).refusal is not None
    with pytest.raises(InvalidMagnet):
        parse_magnet(uri)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (f"magnet:?xt=urn:btih:{V1}\nmagnet:?xt=urn:btih:{OTHER_V1}", "one link at a time"),
        (f"magnet:?xt=urn:btih:{V1}&dn=\x00", "control characters"),
        (f"magnet:?xt=urn:btih:{V1}&dn=\ud800", "Unicode"),
        (f"magnet:?xt=urn:btih:{V1}&dn=" + "x" * 65536, "64 KiB"),
        (f"magnet:?xt=urn:btih:{'0' * 40}", "zeros"),
        (f"magnet:?xt=urn:btih:{V1}&xt=urn:btmh:1220{'0' * 64}", "zeros"),
    ],
)
def test_what_would_confuse_a_node_is_refused_though_libtorrent_parses_it(uri: str, said: str) -> None:
    """A line break adds a second torrent on the node; a zero hash none at all."""
    with pytest.raises(InvalidMagnet, match=said):
        parse_magnet(uri)


def test_a_magnet_of_64_kib_is_still_taken() -> None:
    """The limit is on more than 65536 bytes, not characters."""
    start = f"magnet:?xt=urn:btih:{V1}&dn="
    assert parse_magnet(start + "x" * (65536 - len(start))).hashes.v1 == V1
    with pytest.raises(InvalidMagnet):
        parse_magnet(start + "\u00e4" * (65536 - len(start)))


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ("&dn=A+b%20c", "A b c"),
        ("&DN=x&dn.2=y", "y"),
        ("&dn=urn:btih:zz", "urn:btih:zz"),
        ("&dn=%e2%82%ac%ff", "\u20ac\ufffd"),
        ("&dn=%0a", None),
        ("", None),
    ],
)
def test_the_name_is_decoded_and_cleaned(parameters: str, name: str | None) -> None:
    """As libtorrent decodes it: plus is a space, the last one counts; bad UTF-8 does no harm."""
    assert parse_magnet(f"magnet:?xt=urn:btih:{V1}{parameters}").name == name


@pytest.mark.parametrize(
    ("xl", "size_bytes"),
    [("1", 1), ("4294967296", 2**32), (str(2**60), 2**60), (str(2**60 + 1), None), ("9" * 5000, None), ("0", None),
     ("-5", None), ("1e3", None), ("", None), ("\u0661", None), (" 7", None)],
)  # fmt: skip
def test_the_size_hint_is_bytes_or_nothing(xl: str, size_bytes: int | None) -> None:
    """Only a plain number from 1 to 2**60 says anything."""
    assert parse_magnet(f"magnet:?xt=urn:btih:{V1}&xl={xl}").size_bytes == size_bytes


def test_errors_do_not_quote_the_link() -> None:
    """A magnet's trackers carry passkeys; the error is shown and logged."""
    for bad in ("xt=urn:btih:zz", "dn=x", "xt=%zz", "dn=\n"):
        with pytest.raises(InvalidMagnet) as caught:
            parse_magnet(f"magnet:?tr=http://t/PASSKEY&{bad}")
        assert "PASSKEY" not in str(caught.value)
