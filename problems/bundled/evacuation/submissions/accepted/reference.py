import sys


def read_network():
    """Each hall j becomes an arc from node 2j to node 2j + 1; passages join the second to the first node."""
    n, m, *numbers = map(int, sys.stdin.read().split())
    arcs = [[] for _ in range(2 * n)]  # [head, capacity left, place of the arc back]

    def add(tail, head, capacity):
        arcs[tail].append([head, capacity, len(arcs[head])])
        arcs[head].append([tail, 0, len(arcs[tail]) - 1])

    for hall, width in enumerate(numbers[:n]):
        add(2 * hall, 2 * hall + 1, width)
    for a, b, width in zip(*(numbers[n + part :: 3] for part in range(3))):
        add(2 * a - 1, 2 * b - 2, width)
    return arcs


def shortest_path(arcs, target):
    """The arcs of a shortest path from node 0 that has capacity left, last arc first (Edmonds-Karp)."""
    came = {0: None}
    queue = [0]
    for tail in queue:
        for arc in arcs[tail]:
            if arc[1] and arc[0] not in came:
                came[arc[0]] = tail, arc
                queue.append(arc[0])
        if target in came:
            break
    path = []
    step = came.get(target)
    while step:
        path.append(step[1])
        step = came[step[0]]
    return path


def main():
    arcs = read_network()
    total = 0
    while path := shortest_path(arcs, len(arcs) - 1):
        amount = min(arc[1] for arc in path)
        for arc in path:
            arc[1] -= amount
            arcs[arc[0]][arc[2]][1] += amount
        total += amount
    print(total)


main()
