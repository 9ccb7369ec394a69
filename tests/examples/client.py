#!/usr/bin/env python3
"""A complete fxfer client in one file: python3 client.py PORT FILE...

It sends files in one session, goes on where the server has them after any break, and stores nothing
twice. It was written from the contract alone (fxfer help wire, files, session), uses the standard
library only, and passes `fxfer conformance --client`. Exit codes are those of the contract.
"""
import hashlib, json, os, random, socket, sys, time, uuid

EXIT = {"unauthorized": 4, "checksum_mismatch": 5, "session_taken_over": 7}
TRIES = 9


class Refused(Exception):
    """An answer that ends everything: of class fatal."""

    def __init__(self, answer):
        super().__init__(f"{answer['code']}: {answer.get('message', '')}")
        self.exit = EXIT.get(answer["code"], 3)


class Again(Exception):
    """Something that passes: the connection is lost, or the server asks for patience."""

    def __init__(self, why, wait=0.0, forget=False):
        super().__init__(why)
        self.wait, self.forget = wait, forget


def encode(action, mode, id, sequence, data=None, size=0, mime="application/octet-stream"):
    """Header and session data of a request; the payload follows."""
    body = json.dumps(data).encode() if data else b""
    session = {"id": id, "mode": mode, "sequence": sequence, "action": action, "data_size": len(body)}
    header = {"version": "2.0", "mime_type": mime, "size": size, "session": session}
    return json.dumps(header).encode() + b"\n" + body


def decode(stream):
    """The next reply or notice: its header and its session data."""
    try:
        header = json.loads(stream.readline(16385))
        size = header["session"].get("data_size", 0)
        return header, json.loads(stream.read(size)) if size else {}
    except (OSError, ValueError) as error:  # half a text is no JSON
        raise Again(f"the connection is lost: {error}")


class Client:
    """One session with one server."""

    def __init__(self, host, port):
        self.address = (host, port)
        self.id = self.token = self.socket = self.stream = None
        self.next = 1

    def ask(self, action, sequence, data=None, payload=b""):
        """Sends one frame and returns what the server says to it, if that is a success."""
        try:
            self.socket.sendall(encode(action, "stateful", self.id, sequence, data, len(payload)) + payload)
        except OSError:
            pass  # S-TRF-8: the server may have said why before it closed
        header, answer = decode(self.stream)
        code, kind = answer["code"], answer.get("class")
        wait = answer.get("retry_after_ms", 0) / 1000
        if answer.get("notice"):  # S-NOT-1: it answers nothing, and the connection ends
            raise Refused(answer) if kind == "fatal" else Again(code, wait)
        if kind == "success":
            return header, answer
        if kind == "retry":
            raise Again(code, wait)
        if action == "disconnect" and answer.get("state") == "closed":
            return header, answer  # S-DIS-1: the reply to an earlier disconnect was lost
        if kind == "resync" and code != "checksum_mismatch":
            raise Again(code, forget=code in ("session_unknown", "session_expired", "not_connected"))
        raise Refused(answer)

    def connect(self):
        """Attaches to the session, or to a new one; returns the offset of the open file, or None."""
        try:
            self.socket = socket.create_connection(self.address, timeout=60)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise Again(str(error))
        self.stream = self.socket.makefile("rb")
        data = {"token": self.token} if self.token else None if self.id else {"want_token": True}
        header, answer = self.ask("connect", 0, data)
        self.id = header["session"]["id"]
        self.token = answer.get("token", self.token)
        self.next = answer["next_sequence"]
        self.largest = answer.get("limits", {}).get("max_request_size", 1 << 20)
        return answer.get("upload")

    def patiently(self, step):
        """Runs a step, connecting again as often as it takes, with pauses that grow."""
        for tries in range(TRIES):
            try:
                return step(self.connect() if self.socket is None else None)
            except Again as error:
                self.socket = None
                if error.forget:
                    self.id = self.token = None
                if tries == TRIES - 1:
                    raise
                time.sleep(error.wait + random.random() * min(5, 0.1 * 2**tries))

    def send(self, path):
        """Sends one file; returns what the server says of it."""
        upload_id, length = str(uuid.uuid4()), os.path.getsize(path)
        with open(path, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            place = {"session": None, "number": 0, "offset": 0}

            def step(upload):
                if self.id != place["session"]:  # a new session: the file starts over
                    place.update(session=self.id, number=self.next, offset=0)
                elif upload and upload.get("upload_id") == upload_id:  # S-CON-2
                    place.update(number=self.next, offset=upload["offset"])
                elif self.next == place["number"]:  # nothing of it is open here
                    place.update(offset=0)
                while True:
                    file.seek(place["offset"])
                    piece = file.read(min(1 << 20, self.largest))
                    end = place["offset"] + len(piece)
                    about = {"upload_id": upload_id, "name": os.path.basename(path)[-80:],
                             "offset": place["offset"], "length": length, "sha256": sha256,
                             "complete": end == length}
                    _, answer = self.ask("transfer", place["number"], about, piece)
                    self.next = place["number"] + 1
                    place.update(number=self.next, offset=end)
                    if end == length:
                        return answer["file"]

            return self.patiently(step)


def main(port, *paths):
    client = Client("127.0.0.1", int(port))
    try:
        for path in paths:
            print(json.dumps(client.send(path)))
        client.patiently(lambda _: client.ask("disconnect", client.next))
    except (Refused, Again) as error:
        print(f"client.py: {error}", file=sys.stderr)
        return getattr(error, "exit", 2)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) > 2 else __doc__)
