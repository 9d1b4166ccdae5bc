OPENING = {")": "(", "]": "[", "}": "{"}


def first_fault(log):
    open_crates = []
    for position, bracket in enumerate(log, start=1):
        if bracket not in OPENING:
            open_crates.append(bracket)
        elif not open_crates or open_crates.pop() != OPENING[bracket]:
            return position
    return len(log) + 1 if open_crates else 0


print(first_fault(input().strip()))
