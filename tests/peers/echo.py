"""echo.py HOST:PORT WHAT: tries examples/echo.rs with PyPI's `websockets`. WHAT is one of the functions below."""
import asyncio, random, sys

import websockets

# The longest message that the example takes, in bytes.
LIMIT = 1024 * 1024
MESSAGES = 100_000
# Every code that an end may send (RFC 6455, section 7.4, and IANA's list).
CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
CHARACTERS = "abc 0123456789{}\":,\\ü中😀\0\u2028\u0301"


def connect(uri, **options):
    # Compression is offered by default.
    return websockets.connect(uri, max_size=None, ping_interval=None, **options)


def soon(awaitable):
    return asyncio.wait_for(awaitable, 50)


async def expect(ws, message):
    echoed = await soon(ws.recv())
    assert echoed == message, f"{len(echoed)} characters instead of {len(message)}: {echoed[:50]!r}"


async def sizes(uri):
    async with connect(uri) as ws:
        assert ws.protocol.extensions == [], "compression is declined"
        for size in [0, 1, 2, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537, LIMIT - 1, LIMIT]:
            message = "x" * size
            await ws.send(message)
            await expect(ws, message)
        # The limit counts bytes: two to each of these.
        await ws.send("ü" * (LIMIT // 2))
        await expect(ws, "ü" * (LIMIT // 2))
    async with connect(uri) as ws:
        await ws.send("the last one")
        await expect(ws, "the last one")
        await ws.send("x" * (LIMIT + 1))
        try:
            await soon(ws.recv())
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd is not None and closed.rcvd.code == 1009, closed
        else:
            raise AssertionError("a message over the limit was taken")


async def subprotocols(uri):
    async with connect(uri, subprotocols=["chat", "superchat"]) as ws:
        assert ws.subprotocol is None, "none is spoken, so none is agreed on"
        await ws.send("still here")
        await expect(ws, "still here")


async def fragments(uri):
    rng = random.Random(6455)
    async with connect(uri) as ws:
        for number in range(500):
            text = "".join(rng.choices(CHARACTERS, k=rng.randrange(300)))
            whole = text.encode()
            # Where characters are cut, too; some fragments are empty.
            cuts = sorted(rng.randrange(len(whole) + 1) for _ in range(rng.randrange(5)))
            pieces = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)])]
            pongs = []

            async def with_pings():
                for nth, piece in enumerate(pieces):
                    if nth > 0 and nth % 2 == 0:
                        pongs.append(await ws.ping(f"{number} {nth}"))
                    yield piece
                    await ws.pong(b"nobody asked")

            await ws.send(with_pings(), text=True)
            await expect(ws, text)
            if pongs:
                # An end may answer the last of several only; with that, this library counts all as answered.
                await soon(pongs[-1])


async def pings(uri):
    async with connect(uri) as ws:
        for size in range(126):
            payload = bytes((size + at) % 256 for at in range(size))
            # The library completes this when a Pong with this very payload has come.
            await soon(await ws.ping(payload))
            await ws.pong(payload)
        await ws.send("still here")
        await expect(ws, "still here")


async def many(uri):
    def message(number):
        return f"{number} " + "ü" * (number % 40)

    async with connect(uri) as ws:
        async def send():
            for number in range(MESSAGES):
                await ws.send(message(number))

        sending = asyncio.create_task(send())
        for number in range(MESSAGES):
            await expect(ws, message(number))
        await sending


async def closes(uri):
    for code in CODES:
        ws = await connect(uri)
        await ws.send("the last one")
        await expect(ws, "the last one")
        await soon(ws.close(code, "tschüß"))
        closed = ws.protocol
        assert closed.close_rcvd is not None, f"{code}: no Close came back"
        assert closed.close_rcvd.code in (1000, code), f"{code}: {closed.close_rcvd}"
        assert not closed.close_rcvd_then_sent, f"{code}: {closed.close_rcvd}"


async def flood(uri):
    """Until it is killed."""
    async with connect(uri) as ws:
        async def send():
            while True:
                await ws.send("x" * 1000)

        sending = asyncio.create_task(send())
        for _ in range(1000):
            await expect(ws, "x" * 1000)
        print("flooding", flush=True)
        while not sending.done():
            await expect(ws, "x" * 1000)


addr, what = sys.argv[1:]
scenarios = [sizes, subprotocols, fragments, pings, many, closes, flood]
asyncio.run({run.__name__: run for run in scenarios}[what](f"ws://{addr}/ws"))
print("ok")
