def main():
    input()
    beads = input().strip()
    first_seen = {0: 0}  # surplus of red beads -> shortest prefix with it
    surplus = 0
    longest = 0
    for end, bead in enumerate(beads, start=1):
        surplus += 1 if bead == "R" else -1
        start = first_seen.setdefault(surplus, end)
        longest = max(longest, end - start)
    print(longest)


main()
