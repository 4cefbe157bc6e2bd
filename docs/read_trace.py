#!/usr/bin/env python3
"""Reads a memtrace trace (.mtrc) and prints its totals as JSON: a sample reader for trace-format.md.

    protoc -I memtrace-trace/proto -o schema.binpb memtrace_trace_v1.proto
    python3 docs/read_trace.py schema.binpb FILE        (needs protobuf and zstandard: Debian has both, and so has PyPI)
"""
import json, struct, sys
import zstandard
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SYNC, HEADER, LARGEST = b"\x89MTRC\r\n\x1a", struct.Struct("<8sHBBIIIQQIII"), 1 << 20
KINDS = {1: "Meta", 2: "Clock", 3: "Dict", 4: "Events", 5: "Tick", 6: "Remark", 7: "End", 8: "Tick"}
STALLS = ["direct", "memcg", "memcg_high", "node", "pfmemalloc", "compaction", "swapin", "thrash"]
TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)

def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF

def messages(schema, data):
    """Yields (kind, first time, message) for each intact block, and (0, offset, None) for each damaged place."""
    files = descriptor_pb2.FileDescriptorSet.FromString(open(schema, "rb").read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    parse = lambda name: message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(name)).FromString
    if hasattr(message_factory, "GetMessageClass"):
        parse = lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)).FromString
    at = 0
    while at < len(data):
        header = data[at:at + HEADER.size]
        if len(header) == HEADER.size and header.startswith(SYNC) and crc32c(header[:-4]) == struct.unpack("<I", header[-4:])[0]:
            _, version, kind, packed, stored, raw, _, first, _, crc, _, _ = HEADER.unpack(header)
            payload, start, at = data[at + HEADER.size:at + HEADER.size + stored], at, at + HEADER.size + stored
            if version > 1 or raw > LARGEST:
                sys.exit(f"format version {version}: this reader is for version 1")
            if len(payload) < stored or crc32c(payload) != crc:
                yield 0, start, None
            elif kind in KINDS:
                if packed:
                    payload = zstandard.ZstdDecompressor().decompress(payload, max_output_size=raw)
                yield kind, first, parse("memtrace.trace.v1." + KINDS[kind])(payload)
        else:
            yield 0, at, None
            at = data.find(SYNC, at + 1) if data.find(SYNC, at + 1) > 0 else len(data)

events, exact, base, damage, ooms, ended = {}, {}, {}, 0, 0, False
for kind, first, message in messages(sys.argv[1], open(sys.argv[2], "rb").read()):
    if kind == 0:
        damage += 1
    elif kind == 1:
        base, ended = {totals.kind: totals for totals in message.base.stalls}, False
    elif kind == 4:
        ooms += len(message.oom)
        for number, dur_ns in zip(message.kind, message.dur_ns):
            sums = events.setdefault(STALLS[number & 15], {"count": 0, "total_ns": 0})
            sums["count"], sums["total_ns"] = sums["count"] + 1, sums["total_ns"] + dur_ns
    elif kind == 5:
        for now in message.stalls:
            was = base.get(now.kind)
            exact[STALLS[now.kind]] = {"count": now.count + (was.count if was else 0),
                                       "total_ns": now.total_ns + (was.total_ns if was else 0), "max_ns": now.max_ns}
    elif kind == 7:
        ended = True
print(json.dumps({"stalls": exact, "events": events, "ooms": ooms, "damage": damage, "ended": ended}, sort_keys=True))
