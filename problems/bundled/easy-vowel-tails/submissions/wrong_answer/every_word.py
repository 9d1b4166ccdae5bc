print(*[w[-1] for w in input().split()])
