"""The program that renders: frames come in by standard input, each is answered by one on standard output.

It is run as a file, in an interpreter that has nothing but Jinja2 and the few modules of ours that it needs: no
environment, no Twisted, no network. Before the first template it gives up what a template could misuse, by limits of
the kernel that hold whatever the interpreter does:

- address space: what it has after its imports, and `MEMORY` more;
- descriptors: `DESCRIPTORS`; files: none can grow; processes: none where the kernel counts them;
- processor time: `PROCESSOR` seconds for each rendering, then SIGPROF ends the process. A template that waits has
  nothing to wait for, so what counts is time that it used itself: a busy machine is no fault of a template.

The process ends when standard input does, or when it ran out of memory: then it says so, and another one goes on.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys

#: How the process ends: well, because it ran out of memory, because what came in was no frame.
DONE, OUT_OF_MEMORY, NO_FRAME = 0, 3, 4

MEMORY = 64 * 1024 * 1024  #: octets
DESCRIPTORS = 16
PROCESSOR = 0.25  #: seconds
READY = b"ready\n"

_PIECE = 256 * 1024
_OVER = "rendering takes more than 64 MB of memory"


def main(path: str) -> int:
    """Serve until standard input ends; `path` is where modules are found, parted by colons."""
    # before anything else, since limits keep from finding modules later
    sys.path[:] = path.split(os.pathsep)
    from mailrelay.mail import template
    from mailrelay.mail.rendering import MAX_RENDERING, FrameError, Frames, Rendered, pack_rendered, rendering_of

    os.chdir("/")
    _limit()
    _write(READY)
    frames = Frames(MAX_RENDERING)
    while piece := os.read(0, _PIECE):
        try:
            for header, texts in frames.feed(piece):
                rendering = rendering_of(header, texts)
                signal.setitimer(signal.ITIMER_PROF, PROCESSOR)
                ended = False
                try:
                    answer = pack_rendered(template.render(rendering))
                except MemoryError:
                    ended = True
                    answer = b""
                signal.setitimer(signal.ITIMER_PROF, 0)
                if ended:
                    template.forget()
                    del rendering, texts
                    gc.collect()
                    answer = pack_rendered(Rendered({}, _OVER), last=True)
                _write(answer)
                if ended:
                    return OUT_OF_MEMORY
        except FrameError:
            return NO_FRAME
    return DONE


def _limit() -> None:
    with open("/proc/self/statm", "rb") as file:
        pages = int(file.read().split()[0])
    memory = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    for nothing in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
        resource.setrlimit(nothing, (0, 0))


def _write(octets: bytes) -> None:
    left = memoryview(octets)
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    status = OUT_OF_MEMORY
    try:
        status = main(sys.argv[1])
    except MemoryError:
        pass
    except BrokenPipeError:
        status = DONE
    os._exit(status)
