"""The web process without its look at the database: that of tests has no fsync, which production refuses."""

import signal
import sys

from holo.wsgi import application


def main() -> None:
    """Serve on the address after `--bind` until SIGTERM."""
    from holo.web.server import Limits, make_server

    address, _colon, port = sys.argv[-1].rpartition(":")
    server = make_server(application, address=address, port=int(port), limits=Limits())
    signal.signal(signal.SIGTERM, lambda *_: server.stop())
    server.run()


if __name__ == "__main__":
    main()
