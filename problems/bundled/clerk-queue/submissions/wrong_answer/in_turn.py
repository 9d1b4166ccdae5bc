# Deals the customers to the clerks in turn.
n, k = map(int, input().split())
free = [0] * k
end = wait = 0
for i in range(n):
    a, d = map(int, input().split())
    start = max(a, free[i % k])
    free[i % k] = start + d
    end = max(end, free[i % k])
    wait = max(wait, start - a)
print(end, wait)
