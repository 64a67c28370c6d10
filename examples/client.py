#!/usr/bin/env python3
"""client.py NAME PASSWORD [HOST PORT]: a chat client for Stonechat. Type lines of the form: TOID text"""
import json, socket, sys, threading, uuid

name, pwd, host, port = (sys.argv[1:] + ["127.0.0.1", "8000"])[:4]
sock = socket.create_connection((host, int(port)))
lines, writing = sock.makefile(encoding="utf-8"), threading.Lock()
unacknowledged, typed_all = {}, threading.Event()  # messages by their cid; stdin has ended

def send(**line):
    with writing:
        sock.sendall(json.dumps(line).encode() + b"\n")

def ask(**line):  # before the login nothing but the reply can come
    send(**line)
    return json.loads(next(lines))

def show(push):
    print(f"{push['name']}: {push['msg']}", flush=True)
    if push["msgid"] == 10:
        conversation = {"groupid": push["groupid"]}
    else:  # what this user said on another device belongs to the conversation with its addressee
        conversation = {"id": push["toid"] if push["id"] == me["id"] else push["id"]}
    send(msgid=20, seq=push["seq"], **conversation)  # confirmed: the server will not bring it again

def read_what_is_typed():
    for line in sys.stdin:
        toid, _, text = line.strip().partition(" ")
        cid = uuid.uuid4().hex  # this message's own id: with it, sending twice cannot store it twice
        unacknowledged[cid] = {"msgid": 6, "toid": int(toid), "msg": text, "cid": cid, "tag": cid}
        send(**unacknowledged[cid])
    typed_all.set()
    send(msgid=17)  # the PONG wakes the loop below

login = {"msgid": 1, "name": name, "pwd": pwd, "ack": True}
me = ask(**login)
if me["errno"] == 1 and ask(msgid=4, name=name, pwd=pwd)["errno"] == 0:  # nobody had that name
    me = ask(**login)
if me["errno"] != 0:
    sys.exit(me["errmsg"])
print(f"you are {me['id']}", flush=True)
for push in me["offlinemsg"]:
    show(push)
threading.Thread(target=read_what_is_typed, daemon=True).start()

for line in map(json.loads, lines):
    if line["msgid"] in (6, 10):
        show(line)
    elif line["msgid"] == 11 and line["errno"] == 503:  # the database is away: the same again in a second
        threading.Timer(1, send, kwargs=unacknowledged[line["tag"]]).start()
    elif line["msgid"] == 11:
        message = unacknowledged.pop(line["tag"])
        if line["errno"] != 0:
            print(f"not sent to {message['toid']}: {line['errmsg']}", file=sys.stderr)
    elif line["msgid"] == 17:  # the server asks whether we live
        send(msgid=18)
    if typed_all.is_set() and not unacknowledged:
        sys.exit()
sys.exit(f"the server closed the connection; not acknowledged: {len(unacknowledged)}")
