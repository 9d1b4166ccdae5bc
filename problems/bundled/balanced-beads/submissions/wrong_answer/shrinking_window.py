# Cuts a bead of the majority colour off an end until the rest is balanced.
n = int(input())
beads = input().strip()
lo, hi = 0, n
red = beads.count("R")
while 2 * red != hi - lo:
    major = "R" if 2 * red > hi - lo else "B"
    if beads[lo] == major:
        red -= beads[lo] == "R"
        lo += 1
    else:
        hi -= 1
        red -= beads[hi] == "R"
print(hi - lo)
