# Compiles what comes in through standard input, and runs none of it.
import _frozen_importlib_external
import _imp
import marshal
import sys

magic = int.from_bytes(_frozen_importlib_external.MAGIC_NUMBER, "little")
version = "%d.%d.%d" % sys.version_info[:3]
threads = "free-threaded" if "t" in getattr(sys, "abiflags", "") else "ordinary"
source, sink = sys.stdin.buffer, sys.stdout.buffer
words = (sys.implementation.name, version, sys.version_info.releaselevel, threads, str(magic & 0xFFFF), sys.implementation.cache_tag or "none")
sink.write(("wheelwright-compiler-1 %s\n" % " ".join(words)).encode())
sink.flush()
while True:
    head = source.read(8)
    if len(head) < 8:
        break
    path = source.read(int.from_bytes(head[:4], "big")).decode()
    text = source.read(int.from_bytes(head[4:], "big"))
    try:
        code = compile(text, path, "exec", dont_inherit=True, optimize=0)
        answer = b"+" + _imp.source_hash(magic, text) + marshal.dumps(code)
    except Exception:
        answer = b"-"
    sink.write(len(answer).to_bytes(4, "big") + answer)
    sink.flush()
