n = int(input())
print(sum(sum(map(int, x)) for x in input().split()))
