"""The codes of frames in keys.json, computed with nothing but Python's own library.

    python3 tests/vectors/keys.py          compares each code with the one in the file
    python3 tests/vectors/keys.py write    writes the file anew
"""
import base64
import hashlib
import hmac
import json
import pathlib
import sys

FILE = pathlib.Path(__file__).with_name("keys.json")
DOTS = "." * 43


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hkdf(secret, salt, info):
    """HKDF-SHA256 (RFC 5869), one block of output."""
    extracted = hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(extracted, info.encode() + b"\x01", hashlib.sha256).digest()


def code(key, frame, tail):
    """The code of a frame that has dots where its code will stand."""
    return b64(hmac.new(key, frame.encode() + tail, hashlib.sha256).digest())


def frame(session, data, size=0, mime="application/octet-stream"):
    header = {"version": "2.1", "mime_type": mime, "size": size, "session": session}
    return json.dumps(header, separators=(",", ":"), ensure_ascii=False) + "\n" + data


def sealed(what, by, text, key, tail):
    mac = code(key, text, tail)
    return {
        "what": what,
        "by": by,
        "key": key.hex(),
        "tail": tail.hex(),
        "frame": text.replace(DOTS, mac),
        "mac": mac,
    }


def vectors():
    secret = bytes(range(32))
    nonce = b64(bytes(range(100, 116)))
    challenge = b64(bytes(range(200, 232)))
    salt = unb64(nonce) + unb64(challenge)
    keys = {
        "client_connect": hkdf(secret, b"", "fxfer 2.1 c"),
        "server_connect": hkdf(secret, b"", "fxfer 2.1 s"),
        "client_frames": hkdf(secret, salt, "fxfer 2.1 c frames"),
        "server_frames": hkdf(secret, salt, "fxfer 2.1 s frames"),
    }
    id_ = "0f8fad5b-d9cb-469f-a165-70867728950e"
    auth = {"key": "alice", "nonce": nonce, "time": 1767225600000, "mac": DOTS}
    base = {"mode": "stateful", "sequence": 1, "action": "transfer"}
    payload = "hello"
    data = json.dumps({"name": "héllo.txt", "payload_sha256": hashlib.sha256(payload.encode()).hexdigest()},
                      separators=(",", ":"), ensure_ascii=False)
    reply = '{"code":"session_created","class":"success","message":"session created","mac":true,"challenge":"%s"}\n' % challenge
    ok = '{"code":"ok","class":"success","message":"stored"}\n'
    size = lambda text: len(text.encode())
    return {
        "key": "fxfer_alice_" + b64(secret),
        "secret": secret.hex(),
        "nonce": nonce,
        "challenge": challenge,
        "keys": {name: key.hex() for name, key in keys.items()},
        "frames": [
            sealed("a connect with auth", "client",
                   frame({"id": None, "mode": "stateful", "sequence": 0, "action": "connect",
                          "data_size": 17, "auth": auth}, '{"want_mac":true}'),
                   keys["client_connect"], b""),
            sealed("the reply to it, followed by the nonce", "server",
                   frame({"id": id_, "mode": "stateful", "sequence": 0, "action": "connect",
                          "data_size": size(reply), "mac": DOTS}, reply, mime="application/json"),
                   keys["server_connect"], nonce.encode()),
            sealed("the client's second frame", "client",
                   frame({"id": id_, **base, "data_size": size(data), "mac": DOTS}, data, 5, "text/plain"),
                   keys["client_frames"], (1).to_bytes(8, "big")),
            sealed("the server's second frame", "server",
                   frame({"id": id_, **base, "data_size": size(ok), "mac": DOTS}, ok, mime="application/json"),
                   keys["server_frames"], (1).to_bytes(8, "big")),
            sealed("a frame after 4294967296 others", "client",
                   frame({"id": id_, "mode": "stateful", "sequence": 7, "action": "heartbeat",
                          "data_size": 0, "mac": DOTS}, ""),
                   keys["client_frames"], (4294967296).to_bytes(8, "big")),
        ],
    }


if sys.argv[1:] == ["write"]:
    FILE.write_text(json.dumps(vectors(), indent=2, ensure_ascii=False) + "\n")
else:
    known = json.loads(FILE.read_text())
    assert known == vectors(), "keys.json is not what the rules say"
    print(f"{len(known['frames'])} frames")
