print(*(w[len(w)] for w in input().split()))
