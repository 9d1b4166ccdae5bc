# Looks back at all earlier stations for each station.
n = int(input())
h = list(map(int, input().split()))
length = [1] * n
prev = [-1] * n
for i in range(n):
    for j in range(i):
        if h[j] < h[i] and length[j] + 1 > length[i]:
            length[i] = length[j] + 1
            prev[i] = j
i = length.index(max(length))
print(length[i])
climb = []
while i >= 0:
    climb.append(i + 1)
    i = prev[i]
print(*reversed(climb))
