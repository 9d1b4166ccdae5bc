# @EXPECTED_RESULTS@: OLE
# Says IMPOSSIBLE when no step is left that can be done, but goes on with its loop.
from collections import deque

n, m = map(int, input().split())
followers = [[] for _ in range(n + 1)]
missing = [0] * (n + 1)
for _ in range(m):
    a, b = map(int, input().split())
    followers[a].append(b)
    missing[b] += 1
queue = deque(step for step in range(1, n + 1) if missing[step] == 0)
done = []
while len(done) < n:
    if not queue:
        print("IMPOSSIBLE")
        continue
    step = queue.popleft()
    done.append(step)
    for follower in followers[step]:
        missing[follower] -= 1
        if missing[follower] == 0:
            queue.append(follower)
print(*done)
