#!/usr/bin/env python3
"""Runs the vectors against client.py: python3 run.py PORT

The frames of the client's side are read by it; the dialogues are written and read by it, with the
server that listens on PORT of 127.0.0.1. Prints what did not fit; exit code 0: everything did.
"""
import base64, io, json, os, socket, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "examples"))
import client


def vectors(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return json.load(file)


def check_frame(vector):
    raw = base64.b64decode(vector["base64"]) if "base64" in vector else vector["bytes"].encode()
    stream = io.BytesIO(raw)
    header, data = client.decode(stream)
    wanted = vector["events"][0]
    for key, value in wanted["reply"].items():
        found = header["session"].get(key, header.get(key))
        assert found == value, f"{key}: {found}, wanted {value}"
    payload = "".join(event.get("payload", "") for event in vector["events"])
    assert stream.read(header["size"]).decode() == payload, "payload"
    if "unknown_code" not in wanted["body"]:
        for key, value in wanted["body"].items():
            assert data.get(key) == value, f"{key}: {data.get(key)}, wanted {value}"


def at(object, path):
    for key in path.split("."):
        object = object.get(key) if isinstance(object, dict) else None
    return object


def filled(value, kept):
    if isinstance(value, dict):
        return {key: filled(part, kept) for key, part in value.items()}
    return kept[value[1:]] if isinstance(value, str) and value.startswith("$") else value


def check_dialogue(dialogue, port):
    connections, kept = {}, {}
    try:
        for step in dialogue["steps"]:
            if step["on"] not in connections:
                conn = socket.create_connection(("127.0.0.1", port), timeout=10)
                connections[step["on"]] = (conn, conn.makefile("rb"))
            conn, stream = connections[step["on"]]
            if "send" in step:
                parts = filled(step["send"], kept)
                payload = parts.pop("payload", "").encode()
                size = parts.pop("size", len(payload))
                conn.sendall(client.encode(size=size, mime=parts.pop("mime", "text/plain"), **parts) + payload)
            if step.get("close"):
                stream.close()
                conn.close()
            if "expect" in step:
                header, data = client.decode(stream)
                seen = {**data, "header": header}
                for path, wanted in filled(step["expect"], kept).items():
                    assert at(seen, path) == wanted, f"{path} of {data}, wanted {wanted}"
                for word, path in step.get("keep", {}).items():
                    kept[word] = at(seen, path)
    finally:
        for conn, _ in connections.values():
            conn.close()


def main(port):
    failed = 0
    frames = [(check_frame, (vector,)) for vector in vectors("frames.json") if vector["side"] == "client"]
    dialogues = [(check_dialogue, (dialogue, int(port))) for dialogue in vectors("dialogues.json")]
    for check, args in frames + dialogues:
        try:
            check(*args)
        except (AssertionError, client.Again, OSError) as error:
            failed += 1
            print(f"{args[0]['rule']} {args[0]['name']}: {error}")
    print(f"{len(frames) + len(dialogues)} vectors, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
