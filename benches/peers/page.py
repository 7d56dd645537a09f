"""Tables of what was measured, as Markdown."""

import statistics

BEGIN, END = "<!-- Measured: written by benches/peers/measure.py. -->", "<!-- Measured until here. -->"
OURS = ["wheelwright", "bare"]
STATES = {"cold": "cold", "warm": "warm", "script": "a script changed", "nothing": "nothing changed"}
MIB = 2**20


def number(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def told(line):
    """A measurement in a line, for whoever waits."""
    head = f"{line['size']:7} {line['platforms']:12} {line['way']:13} {line['state']:8}"
    if "error" in line:
        return f"{head} {line['error']}"
    return (
        f"{head} wall {line['wall']:7.2f} s  CPU {line['cpu']:7.2f} s  registry {line['served']:6.2f} s  "
        f"peak {figure(line['memory'], MIB)} MiB  sent {line['sent'] / 1e6:8.2f} MB  image {line['image'] / 1e6:8.2f} MB"
    )


class Job:
    """All that was measured of one size on the same platforms."""

    def __init__(self, lines):
        self.lines = lines
        self.ways = list(dict.fromkeys(line["way"] for line in lines))

    def runs(self, way, *states):
        return [line for line in self.lines if line["way"] == way and line["state"] in states]

    def median(self, way, state, what):
        values = [run[what] for run in self.runs(way, state) if run.get(what) is not None]
        return statistics.median(values) if values else None

    def why_not(self, way, state):
        return next((run["error"] for run in self.runs(way, state) if "error" in run), None)

    def rounds(self, way):
        return len([run for run in self.runs(way, "cold") if "wall" in run])

    def same(self, way):
        """Whether all that was built from the same inputs got the same digest."""
        digests = [run["digest"] for run in self.runs(way, "cold", "warm") if "digest" in run]
        return "–" if len(digests) < 2 else "yes" if len(set(digests)) == 1 else "no"

    def best_peer(self, state, what):
        """Who needed least, and how much."""
        found = [(self.median(way, state, what), way) for way in self.ways if way not in OURS]
        return min((pair for pair in found if pair[0] is not None), default=None)


def cell(job, way, state):
    """Wall and processor seconds, and how many times as much as our bare way."""
    wall, cpu = job.median(way, state, "wall"), job.median(way, state, "cpu")
    if wall is None:
        before = state != "cold" and job.why_not(way, "cold")
        return "–" if before else job.why_not(way, state) or "–"
    text, of = f"{number(wall)} / {number(cpu)}", (job.median("bare", state, "wall"), job.median("bare", state, "cpu"))
    return text if way == "bare" or None in of else f"{text} ({number(wall / of[0])} / {number(cpu / of[1])})"


def figure(value, unit):
    return "–" if value is None else number(value / unit)


def ways_table(job, names):
    rows = [
        "| way | cold | warm | a script changed | nothing changed | peak MiB | sent MB, cold | sent, script | image MB | same digest twice | registry's CPU, cold | rounds |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for way in job.ways:
        cells = [names.get(way, way), *(cell(job, way, state) for state in STATES)]
        cells += [
            figure(job.median(way, "cold", "memory"), MIB), figure(job.median(way, "cold", "sent"), 1e6),
            figure(job.median(way, "script", "sent"), 1e6), figure(job.median(way, "cold", "image"), 1e6),
            job.same(way), figure(job.median(way, "cold", "served"), 1), str(job.rounds(way)),
        ]
        rows.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return rows


def bests(jobs):
    """Ours beside the best peer of each row: how many times as much that one needs, ahead or behind."""
    rows = [
        "| job | state | best peer, wall | bare | with all | best peer, CPU | bare | with all |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (size, platforms), job in jobs.items():
        for state, name in STATES.items():
            cells = [f"{size}, {platforms}", name]
            for what in ("wall", "cpu"):
                best = job.best_peer(state, what)
                if best is None or job.median("bare", state, what) is None:
                    cells += ["–"] * 3
                    continue
                cells.append(f"{number(best[0])} ({best[1]})")
                cells += [against(best[0], job.median(way, state, what)) for way in ("bare", "wheelwright")]
            if cells[2:] != ["–"] * 6:
                rows.append("| " + " | ".join(cells) + " |")
    return rows


def against(peer, ours):
    if ours is None:
        return "–"
    return f"{number(ours)}: ahead {number(peer / ours)}" if ours <= peer else f"{number(ours)}: **behind {number(ours / peer)}**"


def asked(jobs):
    """What was set as a goal for the large job."""
    goals = [
        ("uv, tar, `pigz -6`, push", ["pigz"], 8),
        ("the fastest pipeline", ["igzip", "zstd"], 4),
        ("BuildKit with pip", ["buildkit-pip"], 8),
    ]
    rows = ["| large, cold: CPU of … over ours | goal | bare | with all |", "|---|---|---|---|"]
    for (size, platforms), job in jobs.items():
        for name, ways, goal in goals:
            least = min((value for value in (job.median(way, "cold", "cpu") for way in ways) if value), default=None)
            ours = [job.median(way, "cold", "cpu") for way in ("bare", "wheelwright")]
            if size == "large" and least and all(ours):
                ratios = [f"{number(least / value)}: {'reached' if least / value >= goal else '**missed**'}" for value in ours]
                rows.append(f"| {name}, {platforms} | {goal} | {ratios[0]} | {ratios[1]} |")
    return rows if len(rows) > 2 else []


def render(lines, names):
    jobs = {}
    for line in lines:
        if "way" in line:
            jobs.setdefault((line["size"], line["platforms"]), []).append(line)
    jobs = {key: Job(found) for key, found in jobs.items()}
    text = []
    for line in unique([line for line in lines if "machine" in line], "machine"):
        text += [f"{line['machine']}. Counted by {line['counted']}.", "", "; ".join(line["versions"]) + ".", ""]
    text += bests(jobs) + [""] + asked(jobs)
    for (size, platforms), job in jobs.items():
        text += ["", f"### {size}, {platforms}", "", *ways_table(job, names)]
    return "\n".join(text) + "\n"


def unique(lines, key):
    return list({line[key]: line for line in lines}.values())


def write(page, text):
    """Puts the tables where the page has its marks."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"{page} has no {BEGIN} … {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
