# For each wish, in order of the ends, looks at all wishes that end before it starts.
n = int(input())
wishes = sorted((tuple(map(int, input().split())) for _ in range(n)), key=lambda w: w[1])
most = [1] * n
for i in range(n):
    for j in range(n):
        if wishes[j][1] <= wishes[i][0] and most[j] + 1 > most[i]:
            most[i] = most[j] + 1
print(max(most))
