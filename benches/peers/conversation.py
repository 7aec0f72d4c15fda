"""One line of JSON in, one out, as conversation.ts has it on the other side."""

import json
import multiprocessing
import re
import resource
import sys
import time


def serve(name, tasks, wait=lambda: None):
    """Answers until stdin ends. `tasks` gives, for a task's name, a function of a size and files that gives a function to time."""
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "open":
                run = tasks[request["task"]](request["size"], request["files"])
                wait()
                reply = {"name": name, "mib": peak()}
            elif request["do"] == "run":
                start = time.perf_counter()
                check = run()
                wait()
                reply = {"ms": (time.perf_counter() - start) * 1000}
                if isinstance(check, float):
                    reply["check"] = check
            else:
                reply = {"mib": peak()}
        except Exception as error:  # the other side says it
            reply = {"error": f"{name}: {error!r}"}
        print("answer " + json.dumps(reply), flush=True)


def peak():
    """Of this process and of its workers; pages that they share are counted in each."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + sum(
        peak_of(child.pid) for child in multiprocessing.active_children()
    )


def peak_of(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) / 1024
    except OSError:  # not Linux
        return 0
