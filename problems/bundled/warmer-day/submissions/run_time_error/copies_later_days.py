# @EXPECTED_RESULTS@: MLE
# Keeps a copy of all later days for each day: 1.6 GB for 20000 days.
n = int(input())
t = list(map(int, input().split()))
later = [t[day + 1 :] for day in range(n)]
wait = []
for day in range(n):
    wait.append(next((gap for gap, warmth in enumerate(later[day], 1) if warmth > t[day]), 0))
print(*wait)
