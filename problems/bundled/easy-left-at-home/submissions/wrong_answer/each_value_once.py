n = int(input())
print(sum(set(map(int, input().split())) - set(map(int, input().split()))))
