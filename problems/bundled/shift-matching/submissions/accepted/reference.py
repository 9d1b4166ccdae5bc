import sys


def layers(suits, shift_of, volunteer_of):
    """The distance of each volunteer from a free one over alternating pairs (Hopcroft-Karp)."""
    level = [0 if shift is None else -1 for shift in shift_of]
    queue = [volunteer for volunteer, shift in enumerate(shift_of) if shift is None]
    found = False
    for volunteer in queue:
        for shift in suits[volunteer]:
            other = volunteer_of[shift]
            if other is None:
                found = True
            elif level[other] < 0:
                level[other] = level[volunteer] + 1
                queue.append(other)
    return level if found else None


def augment(start, suits, untried, level, shift_of, volunteer_of):
    """Search one alternating path down the layers, with a stack instead of recursion."""
    path = [start]
    while path:
        volunteer = path[-1]
        if not untried[volunteer]:
            level[volunteer] = -1
            path.pop()
            continue
        shift = untried[volunteer].pop()
        other = volunteer_of[shift]
        if other is None:
            # Everybody on the path takes the shift tried last and leaves the old one to the one before.
            while path:
                volunteer = path.pop()
                volunteer_of[shift] = volunteer
                shift, shift_of[volunteer] = shift_of[volunteer], shift
            return
        if level[other] == level[volunteer] + 1:
            path.append(other)


def main():
    n, m, _, *numbers = map(int, sys.stdin.read().split())
    suits = [[] for _ in range(n)]
    for volunteer, shift in zip(numbers[::2], numbers[1::2]):
        suits[volunteer - 1].append(shift - 1)
    shift_of, volunteer_of = [None] * n, [None] * m
    while level := layers(suits, shift_of, volunteer_of):
        untried = [shifts.copy() for shifts in suits]
        for volunteer in range(n):
            if shift_of[volunteer] is None:
                augment(volunteer, suits, untried, level, shift_of, volunteer_of)
    pairs = [(v + 1, s + 1) for v, s in enumerate(shift_of) if s is not None]
    print(len(pairs))
    for volunteer, shift in pairs:
        print(volunteer, shift)


main()
