n = int(input())
odd = [x for x in map(int, input().split()) if x % 2]
print(-(-sum(odd) // len(odd)) if odd else 0)
