"""The table of faults, from the lines that the rows of `./dev faults` wrote, as Markdown.

usage: table.py REPORT RUNS
"""

import sys


# The rows that there are: one that never held is told too.
EXPECTED = [*range(1, 49)]


def main():
    report, runs = sys.argv[1], int(sys.argv[2])
    rows = {}
    with open(report, encoding="utf-8") as lines:
        for line in lines:
            number, fault, holds, what, took, bound, remark = line.rstrip("\n").split("\t")
            row = rows.setdefault(int(number), {"fault": fault, "holds": holds, "what": what, "bound": bound, "took": []})
            row["took"].append(float(took) if took else None)
            row["remark"] = remark
    missing = [number for number in EXPECTED if number not in rows]
    print("| row | fault | must hold | held | measured | seconds: least / most | bound | seen |")
    print("|---|---|---|---|---|---|---|---|")
    for number, row in sorted(rows.items()):
        took = [seconds for seconds in row["took"] if seconds is not None]
        seconds = f"{min(took):.2f} / {max(took):.2f}" if took else ""
        bound = f"{row['bound']} s" if row["bound"] else ""
        held = f"{len(row['took'])} of {runs}"
        print(f"| {number} | {row['fault']} | {row['holds']} | {held} | {row['what']} | {seconds} | {bound} | {row['remark']} |")
    if missing:
        print(f"\nNot run, or never held: {', '.join(map(str, missing))}.")


main()
