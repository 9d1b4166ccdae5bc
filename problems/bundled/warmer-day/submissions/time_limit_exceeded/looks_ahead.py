# For each day looks at all days after it.
n = int(input())
t = list(map(int, input().split()))
wait = []
for i in range(n):
    answer = 0
    for j in range(i + 1, n):
        if t[j] > t[i]:
            answer = j - i
            break
    wait.append(answer)
print(*wait)
