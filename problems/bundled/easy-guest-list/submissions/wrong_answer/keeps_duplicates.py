for x in sorted(map(int, input().split())):
    print(x)
