print(*(w[0] for w in input().split()))
