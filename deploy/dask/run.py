#!/usr/bin/env python3
"""A manifest on Dask: one task per entry, after those that it waits for.

    python deploy/dask/run.py many.jsonl                               # processes on this machine
    python deploy/dask/run.py many.jsonl --scheduler tcp://host:8786   # workers elsewhere

Workers need `trapan`, and the manifest's files under the same paths. Pixels never travel through Dask.
"""

import argparse
import json
import shlex
import subprocess
import sys


def task(manifest, index, options, *after):
    """Runs an entry where a worker is; what `after` gives is only waited for."""
    command = ["trapan", "--quiet", "task", "--manifest", manifest, "--index", str(index), "--", *options]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"entry {index}: exit code {done.returncode}: {done.stderr.strip()}")
    return index


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--scheduler", help="address of a scheduler [default: a cluster on this machine]")
    parser.add_argument("--workers", type=int, default=2, help="processes on this machine")
    parser.add_argument("--options", default="-j 1", help="options of each worker, as '-j 4 --device gpu'")
    args = parser.parse_args()

    from dask.distributed import Client, LocalCluster, wait

    listed = subprocess.run(["trapan", "status", "--manifest", args.manifest, "--json"], stdout=subprocess.PIPE, check=True)
    cluster = args.scheduler or LocalCluster(n_workers=args.workers, threads_per_worker=1, dashboard_address=None)
    with Client(cluster) as client:
        futures = []
        for entry in json.loads(listed.stdout):
            after = [futures[other] for other in entry["after"]]
            # A result is none of Dask's to keep: it runs again, and the entry knows whether it is done.
            futures.append(
                client.submit(task, args.manifest, entry["index"], shlex.split(args.options), *after, pure=False, retries=1)
            )
        wait(futures)
        for future in futures:
            if future.status == "error":
                print(future.exception(), file=sys.stderr)
    if not args.scheduler:
        cluster.close()
    sys.exit(subprocess.run(["trapan", "status", "--manifest", args.manifest]).returncode)


if __name__ == "__main__":
    main()
