"""expire_walk.py MNT: walks through what others drop meanwhile."""
import os, sys, time
end = time.monotonic() + 1.5
while time.monotonic() < end:
    for path in ("/other", "/other/autogen", "/other/autogen/2026-11-16--2026-11-23/m", "/other/p"):
        try:
            os.stat(sys.argv[1] + path)
        except FileNotFoundError:
            pass
        try:
            os.mkdir(sys.argv[1] + "/other/p")
            os.rmdir(sys.argv[1] + "/other/p")
        except OSError:
            pass
