"""Unpacks one part of the kit into a folder; Python is all it needs. usage: unpack.py PART FOLDER"""
import hashlib
import lzma
import os
import pathlib
import shutil
import sys
import tarfile

part, folder = map(pathlib.Path, sys.argv[1:3])
runtime = next(iter((part / "runtime").read_text().split()))
folder.mkdir(parents=True, exist_ok=True)
for file in sorted(part.iterdir()):
    if file.name.endswith(".tar.xz"):
        tarfile.open(file).extractall(folder, filter="data")
    elif file.suffix == ".xz":
        target = folder / runtime / file.stem
        target.parent.mkdir(parents=True, exist_ok=True)
        with lzma.open(file) as packed, open(target, "wb") as unpacked:
            shutil.copyfileobj(packed, unpacked, 1 << 24)
        os.chmod(target, 0o755)
for line in (part / "sha256").read_text().splitlines():
    digest, name = line.split("  ")
    found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    if found != digest:
        sys.exit(f"{name} is damaged: its sha256 is {found}, not {digest}")
print(f"{part} is in {folder}")
