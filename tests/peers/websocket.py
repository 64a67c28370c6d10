"""websocket.py HOST:PORT: two users chat over WebSockets of PyPI's `websockets`, with all that it can do to a server."""
import asyncio, json, sys

import websockets

MESSAGES = 2000


class User:
    def __init__(self, ws):
        self.ws, self.replies, self.pushes = ws, asyncio.Queue(), asyncio.Queue()
        self.reading = asyncio.create_task(self.read())

    async def read(self):
        async for text in self.ws:
            line = json.loads(text)
            await (self.replies if "errno" in line else self.pushes).put(line)

    async def ask(self, **request):
        await self.ws.send(json.dumps(request))
        reply = await asyncio.wait_for(self.replies.get(), 30)
        assert reply["errno"] == 0, reply
        return reply

    async def enter(self, name):
        await self.ask(msgid=4, name=name, pwd="a password")
        self.id = (await self.ask(msgid=1, name=name, pwd="a password", ack=True))["id"]


async def main(addr):
    uri = f"ws://{addr}/ws"
    # By default it offers compression, which is declined.
    async with websockets.connect(uri) as one, websockets.connect(uri, ping_interval=0.1) as two:
        anna, ben = User(one), User(two)
        await anna.enter("anna of python")
        await ben.enter("ben of python")
        for number in range(MESSAGES):
            line = json.dumps({"msgid": 6, "toid": ben.id, "msg": f"{number} " + "x" * (number % 300)}) + "\n"
            # Every tenth message in fragments.
            await one.send([line[:7], line[7:20], line[20:]] if number % 10 == 0 else line)
            if number % 32 == 31:
                for _ in range(32):
                    ack = await asyncio.wait_for(anna.replies.get(), 30)
                    assert ack["errno"] == 0, ack
        for number in range(MESSAGES):
            push = await asyncio.wait_for(ben.pushes.get(), 30)
            assert push["seq"] == number + 1 and push["msg"].startswith(f"{number} "), push
        large = "ü" * 4000
        await ben.ask(msgid=6, toid=anna.id, msg=large)
        assert (await asyncio.wait_for(anna.pushes.get(), 30))["msg"] == large
        await asyncio.wait_for(await one.ping(b"are you there?"), 30)
    for task in (anna.reading, ben.reading):
        await task
    async with websockets.connect(uri, max_size=None) as ws:
        await ws.send(b"binary")
        try:
            await asyncio.wait_for(ws.recv(), 30)
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd.code == 1003, closed
        else:
            raise AssertionError("binary was taken")


asyncio.run(main(sys.argv[1]))
print("ok")
