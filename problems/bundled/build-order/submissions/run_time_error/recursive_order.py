# Depth-first search by recursion; a long chain is too deep.
n, m = map(int, input().split())
followers = [[] for _ in range(n + 1)]
for _ in range(m):
    a, b = map(int, input().split())
    followers[a].append(b)
state = [0] * (n + 1)
order = []


def visit(step):
    if state[step]:
        return state[step] == 2
    state[step] = 1
    for nxt in followers[step]:
        if not visit(nxt):
            return False
    state[step] = 2
    order.append(step)
    return True


if all(visit(step) for step in range(1, n + 1)):
    print(*reversed(order))
else:
    print("IMPOSSIBLE")
